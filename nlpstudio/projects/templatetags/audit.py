"""The deeds of the audit log in words, for templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import pgettext_lazy

from nlpstudio.accounts import deeds
from nlpstudio.accounts.models import AuditEntry
from nlpstudio.projects.roles import Role

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
def detail_words(entry: AuditEntry) -> str:
    """What else was written down, in one line; what is empty is left out."""
    told = [(name, value) for name, value in entry.details.items() if value not in ("", None, [])]
    is_of_roles = entry.action == "member.role_set"
    return " · ".join(
        f"{NAMES.get(name, name)}: {_plain(value, is_role=is_of_roles or name == 'role')}" for name, value in told
    )


def _plain(value: Any, *, is_role: bool) -> str:
    if is_role and value in Role.values:
        return str(Role(value).label)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
