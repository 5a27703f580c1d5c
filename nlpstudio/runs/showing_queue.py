"""The queue as one user sees it: every run that is there, named only where they may see its project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from nlpstudio.accounts.models import User
from nlpstudio.core.models import Worker
from nlpstudio.projects.models import Project, Role
from nlpstudio.projects.roles import EDITING
from nlpstudio.quotas import groups
from nlpstudio.quotas.models import Quota
from nlpstudio.quotas.services import GB, stored_bytes
from nlpstudio.runs import queue
from nlpstudio.runs.estimates import Rates
from nlpstudio.runs.models import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run that waits or is held. `can_move` where the user may reorder it; `is_first` of its person's own."""

    run: Run
    is_visible: bool
    reason: str
    position: int = 0
    before: int = 0
    starts_in_s: float | None = None
    left_s: float | None = None
    can_move: bool = False
    worker: str = ""

    @property
    def words(self) -> str:
        """Why it waits, as a sentence."""
        labels = ", ".join(self.run.needs)
        if self.reason == "no_worker":
            return _("Waiting for a worker: none is alive.")
        if self.reason == "no_match":
            return _("Waiting for a worker that has %(labels)s: none is alive.") % {"labels": labels}
        if self.reason == "at_once":
            return _("Held back: its team runs as many at once as it may.")
        if self.reason == "hours":
            return _("Held back: its team has used its hours of this month.")
        if self.reason == "disk":
            return _("Held back: the disk is nearly full. It starts when there is room.")
        if self.reason == "before":
            return ngettext(
                "Waiting for a worker: %(count)d before it.", "Waiting for a worker: %(count)d before it.", self.before
            ) % {"count": self.before}
        return _("Next: it starts when a worker is free.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The whole queue, and the training workers that are alive."""

    running: list[Row]
    waiting: list[Row]
    workers: list[Worker]


def of(user: User) -> Shown:
    """What the user sees of the queue, in a fixed number of queries."""
    visible = set(Project.objects.visible_to(user).values_list("pk", flat=True))
    owned, edited = (visible & _where(user, roles) for roles in ([Role.OWNER], EDITING))
    rates = Rates.of_late()
    held = Run.objects.held().select_related("project", "created_by", "dataset_version__dataset").order_by("started_at")
    running = [
        Row(
            run=run,
            is_visible=run.project_id in visible,
            reason="held",
            left_s=rates.left(run),
            worker=run.lease_owner.split(" ")[0],
        )
        for run in held
    ]
    waiting = [
        Row(
            run=each.run,
            is_visible=each.run.project_id in visible,
            reason=each.reason,
            position=each.position,
            before=each.before,
            starts_in_s=each.starts_in_s,
            can_move=each.run.project_id in owned
            or (each.run.project_id in edited and each.run.created_by_id == user.pk),
        )
        for each in queue.waiting()
    ]
    return Shown(running=running, waiting=waiting, workers=list(Worker.objects.alive().serving("train")))


def _where(user: User, roles: Iterable[Role]) -> set[UUID]:
    """The projects in which the user has one of these roles, by themselves or by the team."""
    own = Q(memberships__user=user, memberships__role__in=roles)
    by_team = Q(team__memberships__user=user, team__memberships__role__in=roles)
    return set(Project.objects.filter(own | by_team).values_list("pk", flat=True))


def quotas() -> list[dict[str, Any]]:
    """Every group with its limits and what it uses of them, by name."""
    limits = {quota.group: quota for quota in Quota.objects.all()}
    hours = queue.hours_this_month()
    return [
        {"group": group, "name": name, "quota": limits.get(group), "hours": hours.get(group, 0.0)}
        for group, name in groups.all_groups()
    ]


def use_of(group: Any) -> dict[str, Any]:
    """What one group uses now."""
    used = stored_bytes(groups.projects_of(group))
    hours = queue.hours_this_month().get(group, 0.0)
    return {"hours": hours, "storage_bytes": used, "storage_gb": used / GB}
