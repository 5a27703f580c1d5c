"""What was last measured on the disk: one row for each project and kind of folder."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from nlpstudio.projects.models import Project


class StoredKind(models.TextChoices):
    """The folders below FILES_ROOT, base models beside them, and what no row speaks of."""

    UPLOADS = "uploads", _("Uploads")
    DATASETS = "datasets", _("Data sets")
    RUNS = "runs", _("Runs and checkpoints")
    MODELS = "models", _("Models")
    TOKENIZERS = "tokenizers", _("Tokenizers")
    BATCHES = "batches", _("Predictions of files")
    BASE_MODELS = "base-models", _("Base models")
    UNCLAIMED = "unclaimed", _("Left over")


class Stored(models.Model):
    """Bytes and files of one kind in one project, apart for what lies in the trash. Without a project: nobody's."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=StoredKind)
    in_trash = models.BooleanField(default=False)
    bytes = models.BigIntegerField()
    files = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "stored"

    def __str__(self) -> str:
        return f"{self.kind}: {self.bytes} bytes"


class Measurement(models.Model):
    """When the disk was asked to be measured, and when the rows above were. There is one."""

    asked_at = models.DateTimeField(null=True)
    measured_at = models.DateTimeField(null=True)
    free_bytes = models.BigIntegerField(default=0)
    total_bytes = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"measured at {self.measured_at}"

    @property
    def is_under_way(self) -> bool:
        """Whether it was asked for and is not done."""
        return self.asked_at is not None and (self.measured_at is None or self.measured_at < self.asked_at)
