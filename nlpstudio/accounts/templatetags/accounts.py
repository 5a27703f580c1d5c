"""How the pages of accounts write things."""

from __future__ import annotations

from collections.abc import Iterable

from django import template

register = template.Library()
GROUP = 5


@register.filter
def in_groups(codes: Iterable[str]) -> str:
    """Codes as lines, each in groups of five digits, which people copy with fewer mistakes."""
    return "\n".join(" ".join(code[at : at + GROUP] for at in range(0, len(code), GROUP)) for code in codes)
