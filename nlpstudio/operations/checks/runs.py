"""What must be true of runs at any moment, whatever was killed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, F, Max, Q
from django.utils import timezone

from nlpstudio.accounts.models import AuditEntry
from nlpstudio.operations.findings import Finding, Tally
from nlpstudio.runs.models import Run, Turn
from nlpstudio.runs.states import FINAL, LEASED, State

PATIENCE = timedelta(seconds=60)
"""The reaper calls every few seconds; what it has not seen to for so long it will not see to."""
ENDS = ("run.finished", "run.stopped", "run.failed", "run.cancelled")


def each_is_held_or_waits(tally: Tally) -> Iterator[Finding]:
    """A run that is not over is held by a living lease or waits in the queue."""
    tally.count("runs", Run.objects.count())
    long_ago = timezone.now() - PATIENCE
    for run in Run.objects.filter(state__in=sorted(LEASED), lease_until__lt=long_ago):
        words = f"{run.state}, but its lease ended at {run.lease_until:%Y-%m-%d %H:%M:%S} and nobody took it"
        yield Finding(check="runs.held", subject=f"run {run.pk}", message=words)
    silent = long_ago - timedelta(seconds=settings.LEASE_SECONDS)
    for run in Run.objects.filter(Q(heartbeat_at__lt=silent) | Q(heartbeat_at=None), state=State.LOST):
        yield Finding(check="runs.held", subject=f"run {run.pk}", message="lost, and not put back into the queue")
    hidden = Run.objects.filter(deleted_at__isnull=False).exclude(state__in=sorted(FINAL))
    for run in hidden:
        yield Finding(check="runs.held", subject=f"run {run.pk}", message=f"deleted while it was {run.state}")


def each_finished_one_has_its_model(tally: Tally) -> Iterator[Finding]:
    """A finished run names its weights, and the model it made has the same."""
    finished = Run.objects.filter(state=State.FINISHED).select_related("model_version")
    for run in finished.iterator(chunk_size=500):
        tally.count("finished runs")
        if not run.weights_sha256:
            yield Finding(check="runs.one_model", subject=f"run {run.pk}", message="finished without weights")
        elif run.model_version and run.model_version.weights_sha256 != run.weights_sha256:
            yield Finding(check="runs.one_model", subject=f"run {run.pk}", message="its model has other weights")


def events_are_gapless(tally: Tally) -> Iterator[Finding]:
    """The events of a run are numbered 1, 2, … and the run counts them right."""
    counted = Run.objects.annotate(count=Count("events"), last=Max("events__seq"))
    tally.count("events", sum(counted.values_list("count", flat=True)))
    wrong = counted.filter(~Q(count=F("last_seq")) | (Q(count__gt=0) & ~Q(last=F("last_seq"))))
    for pk, count, last, told in wrong.values_list("pk", "count", "last", "last_seq"):
        words = f"{count} events, the last number {last}, but it counts {told}"
        yield Finding(check="runs.events", subject=f"run {pk}", message=words)


def each_end_is_audited_once(tally: Tally) -> Iterator[Finding]:
    """A run that is over has one closing entry in the record, and one more for each time it was resumed.

    Runs that ended before the record had such entries are left out.
    """
    since = AuditEntry.objects.filter(action__in=ENDS[:3]).order_by("at").values_list("at", flat=True).first()
    if since is None:
        return
    told: dict[str, list[int]] = {}
    entries = AuditEntry.objects.filter(object_kind="run", action__in=[*ENDS, "run.resumed", "run.started"])
    for object_id, action in entries.values_list("object_id", "action").iterator():
        counts = told.setdefault(object_id, [0, 0])
        counts[0 if action in ENDS else 1] += action != "run.started"
    over = Run.objects.filter(state__in=sorted(FINAL), created_at__gte=since)
    for pk in over.values_list("pk", flat=True):
        tally.count("ends")
        ends, resumed = told.get(str(pk), [0, 0])
        if ends != 1 + resumed:
            words = f"{ends} ends are on record, resumed {resumed} times"
            yield Finding(check="runs.ends", subject=f"run {pk}", message=words)


def turns_are_closed(tally: Tally) -> Iterator[Finding]:
    """Only a held run has an open turn at a worker, and only one."""
    tally.count("turns", Turn.objects.count())
    for turn in Turn.objects.open().exclude(run__state__in=sorted(LEASED)):
        yield Finding(check="runs.turns", subject=f"turn {turn.pk}", message="open, but its run is not held")
    twice = Turn.objects.open().values("run").annotate(count=Count("pk")).filter(count__gt=1)
    for row in twice:
        yield Finding(check="runs.turns", subject=f"run {row['run']}", message=f"{row['count']} open turns at once")
