"""The trash: what was deleted can be brought back for thirty days; then, or when an owner says so, it frees its disk."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.db.models.deletion import ProtectedError, RestrictedError
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.core import removing
from nlpstudio.core.errors import StudioError
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.demos.models import Batch
from nlpstudio.projects.models import Project, Team
from nlpstudio.registry.models import Model, ModelVersion, Tokenizer
from nlpstudio.runs.models import Run

KEPT = timedelta(days=30)
logger = logging.getLogger(__name__)


class StillUsed(StudioError):
    """Something that is not deleted needs this."""

    code = "trash.still_used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of thing that can lie in the trash. `folders` are all files below it."""

    model: type[models.Model]
    label: Any
    icon: str
    folders: Callable[[Any], Iterator[Path]]


def _of_dataset(dataset: Dataset) -> Iterator[Path]:
    for version in dataset.versions.all():
        yield from (version.folder, version.source.parent)


def _of_run(run: Run) -> Iterator[Path]:
    yield run.folder


def _of_model(model: Model) -> Iterator[Path]:
    for version in ModelVersion.objects.filter(model=model):
        yield version.folder
    for batch in Batch.objects.filter(version__model=model):
        yield batch.folder


def _of_tokenizer(tokenizer: Tokenizer) -> Iterator[Path]:
    yield tokenizer.folder.parent


def _of_project(project: Project) -> Iterator[Path]:
    for tokenizer in Tokenizer.objects.filter(project=project):
        yield from _of_tokenizer(tokenizer)
    for run in Run.objects.filter(project=project):
        yield from _of_run(run)
    for model in Model.objects.filter(project=project):
        yield from _of_model(model)
    for dataset in Dataset.objects.filter(project=project):
        yield from _of_dataset(dataset)


KINDS: Mapping[str, Kind] = {
    "dataset": Kind(model=Dataset, label=gettext_lazy("Data set"), icon="data", folders=_of_dataset),
    "run": Kind(model=Run, label=gettext_lazy("Run"), icon="activity", folders=_of_run),
    "model": Kind(model=Model, label=gettext_lazy("Model"), icon="model", folders=_of_model),
    "tokenizer": Kind(model=Tokenizer, label=gettext_lazy("Tokenizer"), icon="tag", folders=_of_tokenizer),
}
PROJECT = Kind(model=Project, label=gettext_lazy("Project"), icon="list", folders=_of_project)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A thing in the trash; `until` is when it is purged."""

    kind: str
    label: Any
    icon: str
    id: UUID
    name: str
    deleted_at: datetime
    until: datetime


def _gone(name: str, kind: Kind, **place: Any) -> models.QuerySet[Any]:
    """(kind, id, name, time) of each that was deleted there."""
    rows: models.QuerySet[Any] = kind.model._default_manager.filter(deleted_at__isnull=False, **place).order_by()
    named = rows.annotate(kind=models.Value(name, output_field=models.CharField()))
    found: models.QuerySet[Any] = named.values_list("kind", "pk", "name", "deleted_at")
    return found


def of_project(project: Project) -> models.QuerySet[Any]:
    """What was deleted in the project, the latest first: rows for `entries`. One query for all kinds."""
    first, *others = (_gone(name, kind, project=project) for name, kind in KINDS.items())
    return first.union(*others, all=True).order_by("-deleted_at", "pk")


def of_team(team: Team) -> models.QuerySet[Any]:
    """The team's deleted projects, the latest first: rows for `entries`."""
    return _gone("project", PROJECT, team=team).order_by("-deleted_at", "pk")


def entries(rows: Iterable[tuple[str, UUID, str, datetime]]) -> list[Entry]:
    """The rows as a page shows them."""
    kinds = {**KINDS, "project": PROJECT}
    return [
        Entry(
            kind=kind, label=kinds[kind].label, icon=kinds[kind].icon, id=pk, name=name, deleted_at=at, until=at + KEPT
        )
        for kind, pk, name, at in rows
    ]  # fmt: skip


def find(project: Project, kind: str, thing_id: UUID) -> Any:
    """A thing in the project's trash. Raises `Http404`."""
    if kind not in KINDS:
        raise Http404
    row = KINDS[kind].model._default_manager.filter(pk=thing_id, project=project, deleted_at__isnull=False).first()
    if row is None:
        raise Http404
    return row


def find_project(team: Team, project_id: UUID) -> Project:
    """A project in the team's trash. Raises `Http404`."""
    project = Project.objects.filter(pk=project_id, team=team, deleted_at__isnull=False).first()
    if project is None:
        raise Http404
    return project


@transaction.atomic
def restore(*, thing: Any, by: User) -> None:
    """Bring it back. Raises `StillUsed` when a model of its name has taken its place."""
    if isinstance(thing, Model):
        others = Model.objects.filter(
            project=thing.project_id, name=thing.name, task=thing.task, deleted_at__isnull=True
        )
        if others.exists():
            raise StillUsed(
                _("Another model is called “%(name)s” now.") % {"name": thing.name},
                hint=_("Rename or delete that one first."),
            )
    if type(thing)._default_manager.filter(pk=thing.pk, deleted_at__isnull=False).update(deleted_at=None):
        record(by, f"{thing._meta.model_name}.restored", thing, **_where(thing))


def purge(*, thing: Any, by: User | None) -> None:
    """Delete it for good: the rows, and once that is committed the files. Raises `StillUsed`.

    Wherever it dies, nothing stays: the sweep removes the folders that are left.
    """
    kind = (
        PROJECT
        if isinstance(thing, Project)
        else next(each for each in KINDS.values() if isinstance(thing, each.model))
    )
    folders = list(kind.folders(thing))
    with transaction.atomic():
        record(by, f"{thing._meta.model_name}.purged", thing, **_where(thing))
        try:
            _delete_rows(thing)
        except (ProtectedError, RestrictedError) as error:
            raise StillUsed(
                _("“%(name)s” is still used by a run or a model, maybe in the trash.") % {"name": thing.name},
                hint=_("Purge these first."),
            ) from error
        removing.doom(folders)


def _delete_rows(thing: Any) -> None:
    """A project's data is protected by its runs and models: these go first."""
    if isinstance(thing, Project):
        Run.objects.filter(project=thing).delete()
        Model.objects.filter(project=thing).delete()
        Tokenizer.objects.filter(project=thing).delete()
        DatasetVersion.objects.filter(dataset__project=thing).delete()
    thing.delete()


def sweep() -> int:
    """Purge whatever has lain in the trash for its time; how many things. What is still used waits for the next sweep.

    Folders that a purge could not remove, because it was killed, are removed too.
    """
    removing.sweep()
    done = 0
    old = timezone.now() - KEPT
    for kind in (*(KINDS[name] for name in ("run", "model", "tokenizer", "dataset")), PROJECT):  # users before the used
        for thing in kind.model._default_manager.filter(deleted_at__lt=old):
            try:
                purge(thing=thing, by=None)
            except StillUsed as error:
                logger.info("not purged: %s", error.message)
            else:
                done += 1
    return done


def _where(thing: Any) -> dict[str, UUID]:
    project = thing if isinstance(thing, Project) else thing.project
    return {"project_id": project.pk, "team_id": project.team_id}
