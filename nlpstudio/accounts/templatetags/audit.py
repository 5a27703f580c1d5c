"""The deeds of the audit log in words, for templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import pgettext_lazy

from nlpstudio.accounts import deeds

register = template.Library()
register.filter("action_words", deeds.in_words)

NAMES: Mapping[str, Any] = {
    "after": pgettext_lazy("detail", "after"),
    "before": pgettext_lazy("detail", "before"),
    "code": pgettext_lazy("detail", "code"),
    "count": pgettext_lazy("detail", "count"),
    "days": pgettext_lazy("detail", "days"),
    "engine": pgettext_lazy("detail", "engine"),
    "events": pgettext_lazy("detail", "events"),
    "file": pgettext_lazy("detail", "file"),
    "note": pgettext_lazy("detail", "note"),
    "private": pgettext_lazy("detail", "private"),
    "repo": pgettext_lazy("detail", "repository"),
    "role": pgettext_lazy("detail", "role"),
    "rows": pgettext_lazy("detail", "rows"),
    "scope": pgettext_lazy("detail", "scope"),
    "version": pgettext_lazy("detail", "version"),
}
"""What the details are called; others are shown by their key."""


@register.filter
def detail_words(details: Mapping[str, Any]) -> str:
    """What else was written down, in one line; what is empty is left out."""
    told = [(name, value) for name, value in details.items() if value not in ("", None, [])]
    return " · ".join(f"{NAMES.get(name, name)}: {_plain(value)}" for name, value in told)


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
