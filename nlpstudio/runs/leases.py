"""Who holds a run: claiming it, keeping it, and taking it from a worker that fell silent."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.core import clock, live
from nlpstudio.engine.events import Failed, Warned
from nlpstudio.runs import queue
from nlpstudio.runs.models import Run, RunEvent, RunQuerySet, Turn
from nlpstudio.runs.states import LEASED, MAX_ATTEMPTS, State

LONGEST_SILENT_WORK_S = 1800.0
CLAIM_LOCK = 0x72756E73
"""The number of the lock of claims in the database."""


class LeaseLost(Exception):
    """The run is no longer ours: it was cancelled, or another worker has it. Nothing more may be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to a run. Each taking of the run has a higher `fence`."""

    run_id: UUID
    fence: int

    def rows(self) -> RunQuerySet:
        """The run while the lease is ours, nothing afterwards."""
        return Run.objects.filter(pk=self.run_id, fence=self.fence, state__in=sorted(LEASED))

    def write(self, **fields: Any) -> None:
        """Update the run. Raises `LeaseLost`."""
        if not self.rows().update(**fields):
            raise LeaseLost

    def state(self) -> State:
        """Where the run stands now. Raises `LeaseLost`."""
        state = self.rows().values_list("state", flat=True).first()
        if state is None:
            raise LeaseLost
        return State(state)

    def extend(self) -> None:
        """Say that we are alive. Raises `LeaseLost`."""
        self.write(lease_until=clock.in_seconds(settings.LEASE_SECONDS), heartbeat_at=clock.now())

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the lease from a thread while the block does one long thing, but not for ever. Raises `OSError` without one."""
        done = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(done,), name=f"lease of {self.run_id}", daemon=True)
        self.extend()
        try:
            keeper.start()
        except RuntimeError as error:  # Python says so when the machine refuses a thread
            raise OSError(errno.EAGAIN, "a thread cannot be started") from error
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def _keep(self, done: threading.Event) -> None:
        end = time.monotonic() + LONGEST_SILENT_WORK_S
        try:
            while not done.wait(settings.HEARTBEAT_SECONDS) and time.monotonic() < end:
                self.extend()
        except (LeaseLost, DatabaseError):
            return  # the next write of the block itself finds out
        finally:
            connection.close()


def claim(owner: str, labels: Sequence[str] = ("cpu",)) -> Run | None:
    """Take the next waiting run that a worker with these labels may have, or None when there is none.

    Of two that ask at once, each gets another.
    """
    if not Run.objects.waiting().exists():
        return None  # most doorbells: nobody has to wait for the lock
    with transaction.atomic():
        _one_at_a_time()
        pk = next((pk for pk in queue.candidates(labels)[:20] if _take(pk, owner)), None)
    if pk is None:
        return None
    live.announce("run", pk)
    return Run.objects.select_related("project", "dataset_version__dataset", "created_by").get(pk=pk)


def _one_at_a_time() -> None:
    """Claims follow each other, so that no two pass one limit. In SQLite every transaction is alone already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])


def _take(pk: UUID, owner: str) -> bool:
    """Raise the fence and open a turn, if the run still waits."""
    taken = Run.objects.filter(pk=pk, state=State.QUEUED).update(
        state=State.PREPARING,
        fence=F("fence") + 1,
        attempt=F("attempt") + 1,
        place=0,
        lease_owner=owner,
        lease_until=clock.in_seconds(settings.LEASE_SECONDS),
        heartbeat_at=clock.now(),
        started_at=models.functions.Coalesce("started_at", clock.now()),
    )
    if taken:
        run = Run.objects.only("project_id", "created_by_id").get(pk=pk)
        Turn.objects.create(
            run=run, project_id=run.project_id, user_id=run.created_by_id, worker=owner, started_at=timezone.now()
        )
    return bool(taken)


def give_back(run: Run, lease: Lease, why: str = "") -> None:
    """Put the run back into the queue because this worker ends in order; it does not count as an attempt."""
    run.refresh_from_db()
    if run.move(State.LOST, where=models.Q(fence=lease.fence)):
        run.move(State.QUEUED, attempt=max(run.attempt - 1, 0))
        words = why or _("The worker was shut down. The run continues when a worker is there.")
        note(run, "run.given_back", words)


def reap() -> bool:
    """Take runs from silent workers, and queue those taken the time before. Returns whether any run waits.

    A run is shown as lost from one call to the next, so that people see what happened.
    """
    for run in Run.objects.filter(state=State.LOST):
        _requeue(run)
    for run in Run.objects.leaseless():
        still_silent = models.Q(fence=run.fence, lease_until__lt=clock.now())
        owner = run.lease_owner
        if run.move(State.LOST, where=still_silent, eta_s=None):
            note(run, "run.lost", _("The worker %(owner)s fell silent.") % {"owner": owner})
    return Run.objects.waiting().exists()


def _requeue(run: Run) -> None:
    if run.attempt < MAX_ATTEMPTS:
        if run.move(State.QUEUED):
            note(run, "run.requeued", _("The run is queued again and continues from its last checkpoint."))
        return
    failure = Failed(
        code="run.lost",
        message=_("The worker was lost %(count)s times while it worked on this run.") % {"count": run.attempt},
        hint=_("Look at the memory of the machine, then resume the run: it continues from its last checkpoint."),
    )
    with transaction.atomic():
        if run.move(State.FAILED, error_code=failure.code, error_message=failure.message, error_hint=failure.hint):
            _append(run, failure.to_json())
            audit.record(None, "run.failed", run, project_id=run.project_id, code=failure.code)
    live.announce("run", run.pk)


def note(run: Run, code: str, message: str) -> None:
    """Add a warning to the events of a run that nobody holds."""
    with transaction.atomic():
        _append(run, Warned(code=code, message=message).to_json())
    live.announce("run", run.pk)


def _append(run: Run, payload: dict[str, Any]) -> None:
    Run.objects.filter(pk=run.pk).update(last_seq=F("last_seq") + 1)
    run.refresh_from_db(fields=["last_seq"])
    RunEvent.objects.create(run=run, seq=run.last_seq, at=timezone.now(), kind=payload["kind"], payload=payload)
