"""What people do with runs: start, stop, cancel, resume, clone, delete."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core import live
from nlpstudio.core.errors import StudioError
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.quotas import services as quotas
from nlpstudio.runs import leftovers, queue, readiness, tasks
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import LEASED, State

LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,29}")


class NotNow(StudioError):
    """The run's state does not allow this."""

    code = "run.wrong_state"


def start(
    *,
    project: Project,
    dataset_version: DatasetVersion,
    spec: TrainSpec,
    by: User | None,
    name: str = "",
    needs: Iterable[str] = (),
    request_key: str = "",
) -> Run:
    """Queue a run for a worker with all labels in `needs`. Raises `StudioError` with the first reason against it.

    With a `request_key` that a run has already been started with, that run is the answer: asked twice, started once.
    """
    if request_key and (known := Run.objects.filter(request_key=request_key).first()):
        return known
    if dataset_version.dataset.project_id != project.pk:
        raise StudioError(_("The data set belongs to another project."), code="run.foreign_data", status=400)
    for reason in readiness.reasons(version=dataset_version, spec=spec):
        if reason.blocks:
            raise StudioError(reason.message, hint=reason.hint, code=reason.code, status=400)
    quotas.require_room(project)
    run = Run(
        project=project,
        name=name.strip()[:120] or default_name(dataset_version, spec),
        dataset_version=dataset_version,
        base_model=spec.base_model,
        spec=spec.to_json(),
        needs=labels_of(needs),
        request_key=request_key,
        created_by=by,
        queued_at=timezone.now(),
    )
    try:
        with transaction.atomic():
            run.save(force_insert=True)
            audit.record(by, "run.started", run, project_id=project.pk)
            delay_on_commit(tasks.work)
    except IntegrityError:
        if request_key and (known := Run.objects.filter(request_key=request_key).first()):  # the other one was faster
            return known
        raise
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


def let_go(entry: AuditEntry, subject: Model) -> None:
    """Stop what workers do for a project that goes into the trash; what was learnt is kept (the settings name this
    as a listener of the audit log)."""
    if entry.action == "project.deleted" and isinstance(subject, Project) and entry.user:
        for run in Run.objects.held().filter(project=subject).exclude(state=State.STOPPING):
            with suppress(NotNow):  # it ended meanwhile
                stop(run=run, by=entry.user)


def cancel(*, run: Run, by: User) -> None:
    """End the run and discard what it made. A second asking changes nothing. Raises `NotNow`."""
    if run.state == State.CANCELLED:
        return
    was_held = run.state in LEASED
    _move(run, State.CANCELLED, by, "run.cancelled", eta_s=None)
    if not was_held:  # otherwise the worker that holds the files removes them
        leftovers.discard(run)


def resume(*, run: Run, by: User) -> None:
    """Queue a stopped or failed run again: same run, same curves, from its last checkpoint. Raises `NotNow`."""
    if not run.can_resume:
        raise NotNow(_("A run that is %(state)s cannot be resumed.") % {"state": run.get_state_display()})
    if in_trash := readiness.data_in_trash(run.dataset_version):
        raise NotNow(in_trash.message, hint=in_trash.hint, code=in_trash.code)
    fields: dict[str, Any] = {"error_code": "", "error_message": "", "error_hint": "", "attempt": 0}
    _move(run, State.QUEUED, by, "run.resumed", queued_at=timezone.now(), place=0, stop_requested=False, **fields)
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
        "needs": ", ".join(run.needs),
        **dataclasses.asdict(spec.params),
    }


def queue_position(run: Run) -> int:
    """The run's place among all that wait, in the order in which they start; 0 when it does not wait."""
    return queue.positions().get(run.pk, 0) if run.state == State.QUEUED else 0


def queue_length() -> int:
    """How many runs wait in the whole studio."""
    return Run.objects.waiting().count()


def reorder(*, run: Run, to: str, by: User) -> None:
    """Move a waiting run among those that the same person has waiting in the project: `first`, `up` or `down`.

    How people and projects share the workers stays as it is. Raises `NotNow` for a run that does not wait, and one
    that is somebody else's when `by` does not own the project.
    """
    if not may_reorder(run, by):
        raise NotNow(
            _("The run is somebody else's."), hint=_("Its owner, or an owner of the project, may move it."), status=409
        )
    with transaction.atomic():
        rows = Run.objects.select_for_update().filter(project=run.project_id, created_by=run.created_by_id)
        own = list(rows.waiting().order_by("place", "queued_at", "pk"))
        old = next((at for at, each in enumerate(own) if each.pk == run.pk), None)
        if old is None:
            raise NotNow(_("The run does not wait any more."))
        new = {"first": 0, "up": max(old - 1, 0), "down": min(old + 1, len(own) - 1)}[to]
        own.insert(new, own.pop(old))
        for at, each in enumerate(own):
            each.place = at - len(own)  # runs that come later have 0 and so stand behind
        Run.objects.bulk_update(own, ["place"])
        audit.record(by, "run.moved", run, project_id=run.project_id, to=to)


def may_reorder(run: Run, user: User) -> bool:
    """People reorder their own runs; owners of the project everybody's. The run came through its door."""
    return run.created_by_id == user.pk or run.project.is_owned


def labels_of(needs: Iterable[str]) -> list[str]:
    """As workers have them, each once. Raises `StudioError` for what is no label."""
    found = sorted({label.strip().lower() for label in needs if label.strip()})
    for label in found:
        if not LABEL.fullmatch(label):
            words = _("“%(label)s” is no label of a worker.") % {"label": label}
            raise StudioError(
                words, hint=_("Labels are letters, digits and hyphens, such as gpu."), code="run.bad_label", status=400
            )
    return found


def _move(run: Run, new: State, by: User, deed: str, **fields: Any) -> None:
    """Move the run because somebody asked, however its worker moves it meanwhile."""
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)
        run.refresh_from_db()
        if not run.move(new, **fields):
            raise NotNow(_("The run is %(state)s already.") % {"state": run.get_state_display()})
        audit.record(by, deed, run, project_id=run.project_id)
    live.announce("run", run.pk)
