"""What takes room on the disk, as pages show it: sums of what the io worker measured last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.core import numbers
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.operations import tasks
from nlpstudio.operations.models import Measurement, Stored, StoredKind
from nlpstudio.projects.models import Project, Team
from nlpstudio.quotas.models import Quota
from nlpstudio.quotas.services import GB, stored_bytes

FRESH = timedelta(seconds=60)
"""So long a measurement is shown without asking for another."""
PATIENCE = timedelta(minutes=10)
"""One that was asked for longer ago is taken for lost, and asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of a page: `share` is its part of the whole, 0…1. `thing` is the project or team it stands for."""

    label: Any
    bytes: int
    files: int = 0
    share: float = 0.0
    trash: int = 0
    thing: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The parts of a place, the largest first, with their sum, what of it lies in the trash, and how old it is."""

    parts: list[Part]
    bytes: int
    trash: int
    measurement: Measurement
    rest: list[Part] = field(default_factory=list)


def measurement() -> Measurement:
    """The last one. When it is no longer fresh, a new one is asked of the io worker."""
    now = timezone.now()
    last, _made = Measurement.objects.get_or_create(pk=1)
    is_old = last.measured_at is None or last.measured_at < now - FRESH
    is_asked = last.is_under_way and last.asked_at is not None and last.asked_at > now - PATIENCE
    if is_old and not is_asked:
        ask()
        last.asked_at = now
    return last


def ask() -> None:
    """Have the disk measured soon."""
    Measurement.objects.update_or_create(pk=1, defaults={"asked_at": timezone.now()})
    delay_on_commit(tasks.measure)


def of_project(project: Project) -> Shown:
    """A project's kinds. What is in the trash is a part of its own."""
    rows = Stored.objects.filter(project=project)
    kinds = _sums(rows.filter(in_trash=False), "kind")
    parts = [Part(label=StoredKind(kind).label, **sums) for kind, sums in kinds.items() if sums["bytes"]]
    trash = rows.filter(in_trash=True).aggregate(bytes=Sum("bytes"))["bytes"] or 0
    if trash:
        parts.append(Part(label=_("Trash"), bytes=trash, trash=trash))
    return _shown(parts, measurement())


def of_team(team: Team) -> Shown:
    """The team's projects. Those in the trash are one part together."""
    projects = list(Project.objects.filter(team=team))
    sums, trash = _with_trash(Stored.objects.filter(project__team=team), "project")
    parts = [
        Part(label=project.name, thing=project, trash=trash.get(project.pk, 0), **sums[project.pk])
        for project in projects
        if project.deleted_at is None and project.pk in sums
    ]
    gone = sum(sums[each.pk]["bytes"] for each in projects if each.deleted_at and each.pk in sums)
    if gone:
        parts.append(Part(label=_("Deleted projects"), bytes=gone, trash=gone))
    return _shown(parts, measurement())


def of_all() -> Shown:
    """Every team; apart from them what belongs to no project."""
    sums, trash = _with_trash(Stored.objects.filter(project__isnull=False), "project__team")
    names: dict[UUID, Team] = Team.objects.in_bulk(list(sums))
    parts = [Part(label=names[pk].name, thing=names[pk], trash=trash.get(pk, 0), **of) for pk, of in sums.items()]
    others = _sums(Stored.objects.filter(project__isnull=True), "kind")
    rest = [Part(label=StoredKind(kind).label, thing=kind, **of) for kind, of in others.items() if of["bytes"]]
    return _shown(parts, measurement(), rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a team may store, and what of it is used as the quota counts: by the rows, the moment they are there."""

    used: int
    limit: int

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 1.0

    @property
    def words(self) -> str:
        sizes = {"used": numbers.size(self.used), "limit": numbers.size(self.limit)}
        return _("%(used)s of %(limit)s") % sizes


def limit_of(team: Team) -> Limit | None:
    """The team's storage quota, if it has one."""
    quota = Quota.objects.filter(pk=team.pk, storage_gb__isnull=False).first()
    if quota is None or quota.storage_gb is None:
        return None
    projects = list(Project.objects.filter(team=team).values_list("pk", flat=True))
    return Limit(used=stored_bytes(projects), limit=int(quota.storage_gb * GB))


def _sums(rows: QuerySet[Stored], by: str) -> dict[Any, dict[str, int]]:
    found = rows.order_by().values_list(by).annotate(bytes=Sum("bytes"), files=Sum("files"))
    return {key: {"bytes": size, "files": files} for key, size, files in found}


def _with_trash(rows: QuerySet[Stored], by: str) -> tuple[dict[Any, dict[str, int]], dict[Any, int]]:
    """All of it by the key, and what of it lies in the trash."""
    trash = rows.filter(Q(in_trash=True)).order_by().values_list(by).annotate(bytes=Sum("bytes"))
    return _sums(rows, by), dict(trash)


def _shown(parts: Iterable[Part], measured: Measurement, rest: Iterable[Part] = ()) -> Shown:
    parts = sorted(parts, key=lambda part: part.bytes, reverse=True)
    whole = sum(part.bytes for part in parts)
    most = max((part.bytes for part in parts), default=0)
    drawn = [_drawn(part, most) for part in parts]
    trash = sum(part.trash for part in parts)
    return Shown(parts=drawn, bytes=whole, trash=trash, measurement=measured, rest=list(rest))


def _drawn(part: Part, most: int) -> Part:
    """With its length beside the largest part."""
    share = part.bytes / most if most else 0.0
    return Part(label=part.label, bytes=part.bytes, files=part.files, trash=part.trash, thing=part.thing, share=share)
