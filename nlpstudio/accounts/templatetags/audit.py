"""The deeds of the audit log in words, for templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

from nlpstudio.accounts import deeds

register = template.Library()
register.filter("action_words", deeds.in_words)


@register.filter
def detail_words(details: Mapping[str, Any]) -> str:
    """What else was written down, in one line; what is empty is left out."""
    return ", ".join(f"{name}: {_plain(value)}" for name, value in details.items() if value not in ("", None, []))


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
