"""What people do with runs: start, stop, cancel, resume, clone, delete."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.core import live
from nlpstudio.core.errors import StudioError
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.runs import readiness, tasks
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import LEASED, State


class NotNow(StudioError):
    """The run's state does not allow this."""

    code = "run.wrong_state"


def start(
    *, project: Project, dataset_version: DatasetVersion, spec: TrainSpec, by: User | None, name: str = ""
) -> Run:
    """Queue a run. Raises `StudioError` with the first reason against it."""
    if dataset_version.dataset.project_id != project.pk:
        raise StudioError(_("The data set belongs to another project."), code="run.foreign_data", status=400)
    for reason in readiness.reasons(version=dataset_version, spec=spec):
        if reason.blocks:
            raise StudioError(reason.message, hint=reason.hint, code=reason.code, status=400)
    with transaction.atomic():
        run = Run.objects.create(
            project=project,
            name=name.strip()[:120] or default_name(dataset_version, spec),
            dataset_version=dataset_version,
            base_model=spec.base_model,
            spec=spec.to_json(),
            created_by=by,
            queued_at=timezone.now(),
        )
        audit.record(by, "run.started", run, project_id=project.pk)
        delay_on_commit(tasks.work)
    return run


def default_name(version: DatasetVersion, spec: TrainSpec) -> str:
    """The data set's name: runs on the same data become versions of one model."""
    return version.dataset.name[:120]


def stop(*, run: Run, by: User) -> None:
    """Stop and keep the best so far. A second asking changes nothing. Raises `NotNow`."""
    if run.state == State.STOPPING:
        return
    if run.state == State.QUEUED:
        raise NotNow(
            _("The run waits in the queue: there is nothing to keep yet."), hint=_("Cancel it instead."), status=409
        )
    _move(run, State.STOPPING, by, "run.stop_asked", stop_requested=True)


def cancel(*, run: Run, by: User) -> None:
    """End the run and discard what it made. A second asking changes nothing. Raises `NotNow`."""
    if run.state == State.CANCELLED:
        return
    was_held = run.state in LEASED
    folder = run.folder
    _move(run, State.CANCELLED, by, "run.cancelled", eta_s=None)
    if not was_held:  # otherwise the worker that holds the files removes them
        for part in ("work", "out"):
            shutil.rmtree(folder / part, ignore_errors=True)


def resume(*, run: Run, by: User) -> None:
    """Queue a stopped or failed run again: same run, same curves, from its last checkpoint. Raises `NotNow`."""
    if not run.can_resume:
        raise NotNow(_("A run that is %(state)s cannot be resumed.") % {"state": run.get_state_display()})
    fields: dict[str, Any] = {"error_code": "", "error_message": "", "error_hint": "", "attempt": 0}
    _move(run, State.QUEUED, by, "run.resumed", queued_at=timezone.now(), stop_requested=False, **fields)
    delay_on_commit(tasks.work)


def delete(*, run: Run, by: User) -> None:
    """Hide the run. Its model stays. Raises `NotNow` while it is not over."""
    with transaction.atomic():
        hidden = Run.objects.filter(pk=run.pk, deleted_at__isnull=True, ended_at__isnull=False)
        if not hidden.update(deleted_at=timezone.now()):
            raise NotNow(_("The run is not over."), hint=_("Cancel it first."))
        audit.record(by, "run.deleted", run, project_id=run.project_id)


def clone(run: Run) -> dict[str, Any]:
    """What the form of a new run starts with to repeat this one."""
    spec = run.train_spec
    return {
        "name": run.name,
        "dataset_version": str(run.dataset_version_id),
        "base_model": spec.base_model,
        **dataclasses.asdict(spec.params),
    }


def queue_position(run: Run) -> int:
    """How many runs wait before this one, plus one; 0 when it does not wait."""
    if run.state != State.QUEUED:
        return 0
    return queue_length(before=(run.queued_at, run.pk)) + 1


def queue_length(before: tuple[datetime, Any] | None = None) -> int:
    """How many runs wait in the whole studio, or before a place in the queue."""
    waiting = Run.objects.waiting()
    if before is not None:
        earlier = models.Q(queued_at__lt=before[0]) | models.Q(queued_at=before[0], pk__lt=before[1])
        waiting = waiting.filter(earlier)
    return waiting.count()


def _move(run: Run, new: State, by: User, deed: str, **fields: Any) -> None:
    """Move the run because somebody asked, however its worker moves it meanwhile."""
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)
        run.refresh_from_db()
        if not run.move(new, **fields):
            raise NotNow(_("The run is %(state)s already.") % {"state": run.get_state_display()})
        audit.record(by, deed, run, project_id=run.project_id)
    live.announce("run", run.pk)
