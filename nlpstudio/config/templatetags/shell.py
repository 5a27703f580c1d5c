"""The shell's project switcher and navigation: the one part of the pages that knows of every app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import template
from django.db.models import Count, Model, QuerySet, Value
from django.template.context import Context
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.core.navigation import Link
from nlpstudio.datasets.models import Dataset
from nlpstudio.projects.audience import people_of
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import Model as LanguageModel
from nlpstudio.runs.models import Run

register = template.Library()

SECTIONS: tuple[tuple[str, Any, str, str, str], ...] = (
    ("overview", _("Overview"), "projects:detail", "home", "o"),
    ("datasets", _("Data sets"), "datasets:list", "data", "d"),
    ("runs", _("Runs"), "runs:list", "activity", "r"),
    ("models", _("Models"), "registry:list", "model", "m"),
    ("members", _("Members"), "projects:members", "members", ""),
    ("activity", _("Activity"), "projects:activity", "list", ""),
    ("storage", _("Storage"), "operations:storage", "save", ""),
    ("settings", _("Settings"), "projects:settings", "settings", ""),
)
"""Section, words, address, icon, key."""

SECTION_OF_APP = {"datasets": "datasets", "runs": "runs", "registry": "models", "demos": "models"}

COUNTED: dict[str, Callable[[Project], QuerySet[Any]]] = {
    "datasets": lambda project: Dataset.objects.filter(project=project, deleted_at__isnull=True),
    "runs": lambda project: Run.objects.filter(project=project, deleted_at__isnull=True),
    "models": lambda project: LanguageModel.objects.filter(project=project, deleted_at__isnull=True),
    "members": lambda project: people_of(project).order_by(),
}


@register.simple_tag
def project_counts(project: Project) -> dict[str, int]:
    """How many of each there are, in one query."""
    parts = [_labelled_count(section, rows(project)) for section, rows in COUNTED.items()]
    return dict(parts[0].union(*parts[1:], all=True))


def _labelled_count(section: str, rows: QuerySet[Model]) -> QuerySet[Model, tuple[str, int]]:
    from_database: QuerySet[Model, tuple[str, int]] = (
        rows.order_by()
        .annotate(section=Value(section))
        .values("section")
        .annotate(count=Count("pk"))
        .values_list("section", "count")
    )
    return from_database


@register.simple_tag
def projects_of(user: User) -> QuerySet[Project]:
    """The user's projects, for the switcher."""
    return Project.objects.visible_to(user).order_by("name")[:50]


@register.simple_tag(takes_context=True)
def project_links(context: Context, project: Project) -> list[Link]:
    """The project's navigation. `section` in the context says where one is; else the address's app does."""
    match = context["request"].resolver_match
    here = context.get("section") or SECTION_OF_APP.get(match.namespace if match else "", "")
    counts = project_counts(project)
    return [
        Link(
            label=label,
            url=reverse(view, args=[project.pk]),
            icon=icon,
            key=key,
            active=name == here,
            count=counts.get(name, 0) if name in COUNTED else None,
        )
        for name, label, view, icon, key in SECTIONS
        if name != "settings" or project.is_maintained
    ]
