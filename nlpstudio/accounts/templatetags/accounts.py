"""How the pages of accounts write things."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.conf import settings

register = template.Library()
GROUP = 5


@register.filter
def in_groups(codes: Iterable[str]) -> str:
    """Codes as lines, each in groups of five digits, which people copy with fewer mistakes."""
    return "\n".join(" ".join(code[at : at + GROUP] for at in range(0, len(code), GROUP)) for code in codes)


@register.simple_tag
def sign_on_name() -> str:
    """How the provider of single sign-on is called; nothing without one."""
    return str(settings.SIGN_ON_NAME)
