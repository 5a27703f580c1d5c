"""Runs and what happened in them, as rows."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.files import folder_of
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs.states import FINAL, LEASED, MOVES, State


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: User) -> RunQuerySet:
        return self.filter(deleted_at__isnull=True, project__in=Project.objects.visible_to(user))

    def for_list(self) -> RunQuerySet:
        return self.select_related("created_by", "dataset_version__dataset", "model_version__model").order_by(
            "-created_at"
        )

    def in_state(self, state: str) -> RunQuerySet:
        """Only those in the state; all for an empty one, none for one that does not exist."""
        return self.filter(state=state) if state else self

    def named_like(self, query: str) -> RunQuerySet:
        """Only those whose name, base model or data has the words."""
        if not query:
            return self
        return self.filter(
            models.Q(name__icontains=query)
            | models.Q(base_model__icontains=query)
            | models.Q(dataset_version__dataset__name__icontains=query)
        )

    def waiting(self) -> RunQuerySet:
        """Queued runs, the oldest first, but those of projects in the trash. Which of them is next is for `queue` to say."""
        alive = self.filter(deleted_at__isnull=True, project__deleted_at__isnull=True)
        return alive.filter(state=State.QUEUED).order_by("queued_at", "pk")

    def held(self) -> RunQuerySet:
        """Runs that workers hold."""
        return self.filter(state__in=sorted(LEASED))

    def leaseless(self) -> RunQuerySet:
        """Runs whose worker has not been heard of until its lease ended."""
        return self.filter(state__in=sorted(LEASED), lease_until__lt=clock.now())

    def active(self) -> RunQuerySet:
        """Runs that have not ended."""
        return self.exclude(state__in=sorted(FINAL))

    def mine(self, user: User) -> RunQuerySet:
        """What the user started and has not ended, for the home page."""
        return self.visible_to(user).active().filter(created_by=user).for_list().select_related("project")


class Run(models.Model):
    """One fine-tune, from the order to its end.

    `lease_owner`, `lease_until` and `fence` say which worker holds it: every write of a worker
    is conditional on its `fence`, so a worker that comes back from the dead writes nothing.
    `metrics` and `best` are flat; each has its split beside it. `stop_requested` outlives a lost worker,
    so that whoever takes the run over still stops it. `needs` are the labels that its worker must have; a smaller
    `place` goes before the other runs that the same person has waiting. `request_key` is what its starter sent along
    so that the same request, sent again because its answer was lost, starts nothing. `artifact_id` is the version that
    its model became, or was about to become when its worker died.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(_("name"), max_length=120)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="runs")
    base_model = models.CharField(max_length=200)
    spec = models.JSONField()
    needs = models.JSONField(default=list)
    request_key = models.CharField(max_length=64, blank=True, editable=False)
    place = models.IntegerField(default=0)
    state = models.CharField(max_length=12, choices=State, default=State.QUEUED, db_index=True)
    stop_requested = models.BooleanField(default=False)
    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.SET_NULL, null=True, blank=True, related_name="run"
    )

    artifact_id = models.UUIDField(null=True, editable=False)

    attempt = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=200, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)

    progress = models.FloatField(default=0)
    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    eta_s = models.FloatField(null=True, blank=True)
    last_seq = models.PositiveIntegerField(default=0)
    metrics = models.JSONField(default=dict)
    metrics_split = models.CharField(max_length=12, blank=True)
    best = models.JSONField(default=dict)
    best_split = models.CharField(max_length=12, blank=True)
    environment = models.JSONField(default=dict)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)

    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request_key"], name="one_run_a_request", condition=~models.Q(request_key="")
            ),
            models.CheckConstraint(
                name="ended_iff_final",
                condition=models.Q(state__in=sorted(FINAL), ended_at__isnull=False)
                | (~models.Q(state__in=sorted(FINAL)) & models.Q(ended_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="leased_iff_held",
                condition=models.Q(state__in=sorted(LEASED), lease_until__isnull=False)
                | (~models.Q(state__in=sorted(LEASED)) & models.Q(lease_until__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        """Holds the job, the log, the checkpoints and the artifact until it is published."""
        return folder_of("runs", self.pk)

    @property
    def is_final(self) -> bool:
        return self.state in FINAL

    @property
    def is_leased(self) -> bool:
        return self.state in LEASED

    @property
    def can_stop(self) -> bool:
        """Whether "Stop and keep best" makes sense: a worker holds the run and has not been told yet."""
        return self.state in (State.PREPARING, State.RUNNING)

    @property
    def can_cancel(self) -> bool:
        return State.CANCELLED in MOVES[State(self.state)]

    @property
    def can_resume(self) -> bool:
        return self.state in FINAL and State.QUEUED in MOVES[State(self.state)]

    @property
    def train_spec(self) -> TrainSpec:
        return TrainSpec.from_json(self.spec)

    def move(self, new: State, *, where: models.Q | None = None, **fields: Any) -> bool:
        """Go to `new` if nobody got there first. Returns whether this call did it.

        `where` adds a condition, such as the fence of the lease that the caller holds. The fields that
        the constraints tie to the state (`ended_at`, the lease) are set here.
        """
        old = State(self.state)
        if new not in MOVES[old]:
            return False
        if new in FINAL:
            fields.setdefault("ended_at", clock.now())
        elif old in FINAL:
            fields.setdefault("ended_at", None)
        if new not in LEASED:
            fields.update(lease_until=None, lease_owner="")
        with transaction.atomic():
            return self._moved(old, new, where or models.Q(), fields)

    def _moved(self, old: State, new: State, where: models.Q, fields: dict[str, Any]) -> bool:
        moved = bool(Run.objects.filter(where, pk=self.pk, state=old).update(state=new, **fields))
        if moved and old in LEASED and new not in LEASED:
            Turn.objects.close(self, at=self.heartbeat_at if new == State.LOST else None)
        if moved:
            self.refresh_from_db()
        return moved


class TurnQuerySet(models.QuerySet["Turn"]):
    def open(self) -> TurnQuerySet:
        """Those that go on."""
        return self.filter(ended_at__isnull=True)

    def since(self, moment: datetime) -> TurnQuerySet:
        """Those that went on at the moment or later."""
        return self.filter(models.Q(ended_at__isnull=True) | models.Q(ended_at__gt=moment))

    def close(self, run: Run, at: datetime | None = None) -> None:
        """The run's turn is over, at the moment that its worker was last heard of when it was lost."""
        self.open().filter(run=run).update(ended_at=at or timezone.now())


class Turn(models.Model):
    """One worker's turn at one run: what shares, quotas and estimates are counted from. It outlives its run."""

    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, related_name="turns")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    worker = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, db_index=True)

    objects = TurnQuerySet.as_manager()

    class Meta:
        ordering = ["started_at", "pk"]

    def __str__(self) -> str:
        return f"turn of {self.worker}"


class RunEvent(models.Model):
    """One event of the engine (architecture 5.4), numbered within its run over all attempts."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=12)
    step = models.PositiveIntegerField(null=True)
    payload = models.JSONField()

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="one_event_a_seq")]
        indexes = [models.Index(fields=["run", "kind", "seq"], name="events_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"

    def to_json(self) -> dict[str, Any]:
        """The event as the API and the socket give it."""
        return {"seq": self.seq, "at": self.at.timestamp(), **self.payload}
