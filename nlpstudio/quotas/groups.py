"""Between whom the machine is shared: between teams. The one place that says so."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from nlpstudio.projects.models import Project, Team

GROUP = "project__team_id"
"""The path from a row with a `project` to the id of its group."""


def group_of(project: Project) -> UUID:
    """The id of the group that a project belongs to."""
    return project.team_id


def projects_of(group: UUID) -> list[UUID]:
    """The ids of the group's projects, those that were deleted too: their files still take room."""
    return list(Project.objects.filter(team=group).values_list("pk", flat=True))


def names_of(groups: Iterable[UUID]) -> dict[UUID, str]:
    """What each group is called."""
    return dict(Team.objects.filter(pk__in=set(groups)).values_list("pk", "name"))


def all_groups() -> list[tuple[UUID, str]]:
    """Every group, by name."""
    return list(Team.objects.order_by("name", "pk").values_list("pk", "name"))
