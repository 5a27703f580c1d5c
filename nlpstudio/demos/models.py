"""Files whose rows a model answers: batch predictions. What people leave behind on demo pages is in `kept`."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.files import folder_of
from nlpstudio.demos.kept import Correction, CorrectionState, PastInput, ShareLink
from nlpstudio.engine.batch.order import RESULT_FILE, Order, Reading, Result
from nlpstudio.engine.inference import engines
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import ModelVersion

__all__ = ["Batch", "BatchState", "Correction", "CorrectionState", "PastInput", "ShareLink"]

TRAINED_ROLES = {"ner": {"tokens": "text"}}
"""What a role of the training data is called when texts are predicted, where that differs."""


class BatchState(models.TextChoices):
    """`draft`: uploaded, waiting for its columns to be confirmed in the browser."""

    DRAFT = "draft", _("Draft")
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")
    FAILED = "failed", _("Failed")


UNDER_WAY = frozenset({BatchState.QUEUED, BatchState.RUNNING})


class BatchQuerySet(models.QuerySet["Batch"]):
    def visible_to(self, user: User) -> BatchQuerySet:
        return self.filter(version__in=ModelVersion.objects.visible_to(user))

    def under_way(self) -> BatchQuerySet:
        return self.filter(state__in=UNDER_WAY)

    def held(self) -> BatchQuerySet:
        """Those that a living worker is busy with."""
        return self.filter(state=BatchState.RUNNING, heartbeat_at__gte=clock.in_seconds(-settings.LEASE_SECONDS))

    def waiting(self) -> BatchQuerySet:
        """Queued, or left by a worker that fell silent; the oldest first."""
        silent = models.Q(state=BatchState.RUNNING, heartbeat_at__lt=clock.in_seconds(-settings.LEASE_SECONDS))
        return self.filter(models.Q(state=BatchState.QUEUED) | silent).order_by("queued_at", "created_at")


class Batch(models.Model):
    """One uploaded file and the answers of one model version to its rows.

    `engine` is settled at the start: one file is answered by one. `reading` is a `Reading` as JSON, `result` a `Result` once it is there. Each worker that takes the batch raises
    `fence`, and every write of it is conditional on its own number. `abstain_below` is the version's threshold when the
    batch was started. `attempt` counts the workers that were lost
    without having got past `attempt_rows`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="batches")
    state = models.CharField(max_length=12, choices=BatchState, default=BatchState.DRAFT)
    source_name = models.CharField(max_length=255)
    source_bytes = models.PositiveBigIntegerField(default=0)
    reading = models.JSONField(default=dict)
    abstain_below = models.FloatField(null=True)
    rows = models.PositiveBigIntegerField(default=0)
    total_rows = models.PositiveBigIntegerField(default=0)
    error_rows = models.PositiveBigIntegerField(default=0)
    rows_per_s = models.FloatField(default=0)
    result = models.JSONField(default=dict)
    engine = models.CharField(max_length=10, default=engines.TORCH)
    heartbeat_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    attempt_rows = models.PositiveBigIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.source_name

    @property
    def project(self) -> Project:
        return self.version.model.project

    @property
    def folder(self) -> Path:
        """Holds the upload, the work that survives a crash, and the result."""
        return folder_of("batches", self.pk)

    @property
    def source(self) -> Path:
        """The uploaded file as it came."""
        return self.folder / "source"

    @property
    def result_path(self) -> Path:
        """Where the engine says what came of it."""
        return self.folder / "result" / RESULT_FILE

    @property
    def is_draft(self) -> bool:
        return self.state == BatchState.DRAFT

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def is_finished(self) -> bool:
        return self.state == BatchState.FINISHED

    @property
    def is_failed(self) -> bool:
        return self.state == BatchState.FAILED

    @property
    def share(self) -> float | None:
        """From 0 to 1; None while the number of rows is not known."""
        return self.rows / self.total_rows if self.total_rows else None

    @property
    def eta_s(self) -> float | None:
        """Seconds that are left at the pace so far."""
        if self.state != BatchState.RUNNING or not self.rows_per_s:
            return None
        return (self.total_rows - self.rows) / self.rows_per_s

    @property
    def seconds(self) -> float | None:
        """From the first start to the end."""
        if self.started_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.started_at).total_seconds()

    @property
    def outcome(self) -> Result | None:
        return Result.from_json(self.result) if self.result else None

    @property
    def trained(self) -> dict[str, str]:
        """The column names of the training data by role, the first guess for this file's."""
        names = TRAINED_ROLES.get(self.version.model.task, {})
        columns = self.version.dataset_version.options.get("columns") or {}
        return {names.get(role, role): column for role, column in columns.items()}

    def order(self) -> Order:
        """What the engine is told to do."""
        return Order(
            task=self.version.model.task,
            model=self.version.artifact,
            source=self.source,
            name=self.source_name,
            work=self.folder / "work",
            out=self.folder / "result",
            reading=Reading.from_json(self.reading),
            trained=self.trained,
            engine=self.engine,
            abstain_below=self.abstain_below,
        )
