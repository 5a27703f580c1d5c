"""The events of webhooks, and what went wrong on the way to them, in words."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.translation import gettext as _

from nlpstudio.notices.rules import EVENTS
from nlpstudio.notices.webhooks import TEST

register = template.Library()


@register.filter
def event_words(event: str) -> str:
    return _("a test") if event == TEST else str(EVENTS.get(event, event))


@register.filter
def error_words(error: str) -> str:
    """What a worker wrote down in English, in the language of the page where the catalogue has it."""
    return _(error) if error else ""


@register.filter
def events_words(events: Sequence[str]) -> str:
    return ", ".join(event_words(event) for event in events)
