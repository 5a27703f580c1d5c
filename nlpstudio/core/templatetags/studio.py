"""Template tags used on many pages: icons, figures, and the components that have a body.

Filters: `metric percent compact bytes duration latency ago` (see `core.numbers`), `share` (0…1 to an SVG width),
`heat` (0…1 to one of the classes heat-0 … heat-10), `tone` (an index to a class of the data palette),
`state_icon`, `state_word`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from nlpstudio.core import numbers
from nlpstudio.core.icons import ICONS
from nlpstudio.core.navigation import Link

register = template.Library()
register.filter("metric", numbers.metric)
register.filter("percent", numbers.percent)
register.filter("compact", numbers.compact)
register.filter("bytes", numbers.size)
register.filter("duration", numbers.duration)
register.filter("latency", numbers.latency)
register.filter("ago", numbers.ago)

STATES: Mapping[str, tuple[str, Any]] = {
    "draft": ("edit", _("Draft")),
    "queued": ("clock", _("Queued")),
    "preparing": ("refresh", _("Preparing")),
    "importing": ("upload", _("Importing")),
    "running": ("activity", _("Running")),
    "stopping": ("pause", _("Stopping")),
    "lost": ("warning", pgettext_lazy("a run whose worker is gone", "Lost")),
    "ready": ("check", _("Ready")),
    "finished": ("check", _("Finished")),
    "stopped": ("stop", _("Stopped")),
    "cancelled": ("ban", _("Cancelled")),
    "failed": ("warning", _("Failed")),
}
"""A state's icon and word. Its colours are the classes `state-…` of components.css."""

NOTICE_ICONS: Mapping[str, str] = {
    "info": "info",
    "good": "check-circle",
    "success": "check-circle",
    "warning": "warning",
    "bad": "warning",
    "error": "warning",
    "debug": "info",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """An inline icon. It says nothing to screen readers: the words beside it do."""
    return format_html('<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="{}"/></svg>', ICONS[name])


@register.filter
def state_icon(state: str) -> SafeString:
    return icon(STATES[state][0] if state in STATES else "clock")


@register.filter
def state_word(state: str) -> str:
    return str(STATES[state][1]) if state in STATES else state


@register.filter
def notice_icon(tone: str) -> SafeString:
    return icon(NOTICE_ICONS.get(tone, "info"))


@register.filter
def share(value: object) -> str:
    """A share as a width for SVG, such as 37.5%. Out of range is cut; what is no number is nothing."""
    return f"{100 * min(1.0, max(0.0, numbers.number_of(value) or 0.0)):.2f}%"


@register.filter
def heat(value: object) -> int:
    """A share as a step of the sequential scale, 0 to 10. Nothing but nothing is 0."""
    number = min(1.0, max(0.0, numbers.number_of(value) or 0.0))
    return 0 if number == 0 else max(1, round(10 * number))


@register.filter
def tone(index: int) -> str:
    """The class of the data palette for the index-th thing, counted from 0."""
    return f"tone-{index % 8}"


@register.simple_tag(takes_context=True)
def page_query(context: Context, name: str, value: object) -> str:
    """The address's own query with one parameter changed, such as `?q=a&page=2`."""
    query = context["request"].GET.copy()
    query[name] = str(value)
    return f"?{query.urlencode()}"


def _render(context: Context, name: str, **values: Any) -> SafeString:
    """A component with its own names only, plus the token of forms."""
    if context.template is None:
        raise template.TemplateSyntaxError(f"{name} needs a template engine")
    component = context.template.engine.get_template(f"components/{name}")
    return component.render(context.new({**values, "csrf_token": context.get("csrf_token")}))


@register.simple_block_tag(takes_context=True)
def page_header(
    context: Context,
    content: str,
    title: str,
    lead: str = "",
    up: str = "",
    up_url: str = "",
    crumbs: tuple[Link, ...] = (),
) -> SafeString:
    """{% page_header title up=… up_url=… lead=… %}actions{% endpage_header %}, see components/_page_header.html."""
    links = [*crumbs, Link(label=up, url=up_url)] if up else [*crumbs]
    project = context.get("project")
    return _render(context, "_page_header.html", title=title, lead=lead, crumbs=links, project=project, actions=content)


@register.simple_block_tag(takes_context=True)
def card(context: Context, content: str, title: str = "", hint: str = "", danger: bool = False) -> SafeString:
    """{% card title=… hint=… %}body{% endcard %}, see components/_card.html."""
    return _render(context, "_card.html", title=title, hint=hint, danger=danger, body=content)


@register.simple_block_tag(takes_context=True)
def notice(context: Context, content: str, tone: str = "info", title: str = "") -> SafeString:
    """{% notice tone="warning" title=… %}words{% endnotice %}, see components/_notice.html."""
    return _render(context, "_notice.html", tone=tone, title=title, body=content)


@register.simple_block_tag(takes_context=True)
def confirm(
    context: Context, content: str, id: str, title: str, action: str, button: str, danger: bool = True
) -> SafeString:
    """{% confirm id=… title=… action=URL button=… %}body{% endconfirm %}, see components/_confirm.html."""
    values = {"id": id, "title": title, "action": action, "button": button, "danger": danger, "body": content}
    return _render(context, "_confirm.html", **values)
