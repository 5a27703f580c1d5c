"""Data sets and their immutable versions."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.files import folder_of
from nlpstudio.engine.catalogue import CATALOGUE, TaskInfo
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.projects.models import Project

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as StrOrPromise

TASK_NAMES = {
    "classification": _("Text classification"),
    "ner": _("Named-entity recognition"),
    "qa": _("Question answering"),
    "pretraining": _("Corpus for pre-training"),
    "translation": _("Translation"),
    "summarization": _("Summarisation"),
    "generation": _("Text generation"),
}


def task_choices() -> list[tuple[str, StrOrPromise]]:
    return [(name, TASK_NAMES[name]) for name in CATALOGUE]


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        return self.filter(deleted_at__isnull=True, project__in=Project.objects.visible_to(user))

    def for_list(self) -> DatasetQuerySet:
        latest = DatasetVersion.objects.filter(dataset=models.OuterRef("pk")).order_by("-number")
        return self.select_related("created_by").annotate(
            latest_id=models.Subquery(latest.values("pk")[:1]),
            latest_number=models.Subquery(latest.values("number")[:1]),
            latest_state=models.Subquery(latest.values("state")[:1]),
            latest_rows=models.Subquery(latest.values("rows")[:1]),
            latest_labels=models.Subquery(latest.values("labels")[:1]),
            latest_share=models.Subquery(latest.values("progress_share")[:1]),
            run_count=models.Count("versions__runs", filter=models.Q(versions__runs__deleted_at__isnull=True)),
        ).order_by("-created_at")  # fmt: skip

    def found(self, query: str, task: str = "") -> DatasetQuerySet:
        """Those whose name holds `query` and, when given, of the task."""
        rows = self.filter(name__icontains=query) if query else self
        return rows.filter(task=task) if task in CATALOGUE else rows

    def sorted_by(self, order: str) -> DatasetQuerySet:
        """By one of `SORTS`; the newest first for anything else. Only after `for_list`."""
        return self.order_by(*SORTS.get(order, SORTS[""]))


SORTS = {
    "": ("-created_at", "pk"),
    "created": ("created_at", "pk"),
    "name": ("name", "pk"),
    "-name": ("-name", "pk"),
    "rows": ("latest_rows", "pk"),
    "-rows": ("-latest_rows", "pk"),
}


class Dataset(models.Model):
    """Labelled data for one task, under one name, in versions that never change."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(_("name"), max_length=120)
    task = models.CharField(_("task"), max_length=30, choices=task_choices)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = DatasetQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class VersionState(models.TextChoices):
    """`draft`: uploaded, waiting for its columns to be confirmed in the browser."""

    DRAFT = "draft", _("Draft")
    IMPORTING = "importing", _("Importing")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


CONFIGURABLE = frozenset({VersionState.DRAFT, VersionState.FAILED})


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    def visible_to(self, user: User) -> DatasetVersionQuerySet:
        return self.filter(dataset__in=Dataset.objects.visible_to(user))

    def ready(self) -> DatasetVersionQuerySet:
        return self.filter(state=VersionState.READY)

    def importing(self) -> DatasetVersionQuerySet:
        return self.filter(state=VersionState.IMPORTING)

    def held(self) -> DatasetVersionQuerySet:
        """Imports that a living worker is busy with."""
        return self.importing().filter(heartbeat_at__gte=clock.in_seconds(-settings.LEASE_SECONDS))

    def lost(self) -> DatasetVersionQuerySet:
        """Imports whose worker has not been heard of until its lease ended."""
        return self.importing().filter(heartbeat_at__lt=clock.in_seconds(-settings.LEASE_SECONDS))

    def untouched(self) -> DatasetVersionQuerySet:
        """Imports that no worker has taken yet, the oldest first."""
        return self.importing().filter(heartbeat_at__isnull=True).order_by("created_at")

    def with_use(self) -> DatasetVersionQuerySet:
        """Each with the number of runs that trained on it, for the list of versions."""
        runs = models.Count("runs", filter=models.Q(runs__deleted_at__isnull=True))
        return self.select_related("created_by").annotate(run_count=runs)


class DatasetVersion(models.Model):
    """One import of one file, or with `amends` that version with the corrected rows of a file of ours. Its rows lie in `folder` as `engine.data.store` writes them and never change.

    `options` is an `ImportOptions` as JSON. `labels`, `splits` (name to rows), `statistics`,
    `warnings` and the first problems are copied from the import's report so that pages need not open files. Each worker
    that takes the import raises `fence`, and every write of it is conditional on its own number.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=12, choices=VersionState, default=VersionState.DRAFT)
    source_name = models.CharField(max_length=255)
    source_bytes = models.PositiveBigIntegerField(default=0)
    amends = models.ForeignKey("self", on_delete=models.RESTRICT, null=True, related_name="amended_by")
    options = models.JSONField(default=dict)
    rows = models.PositiveBigIntegerField(default=0)
    columns = models.JSONField(default=list)
    labels = models.JSONField(default=list)
    splits = models.JSONField(default=dict)
    statistics = models.JSONField(default=dict)
    warnings = models.JSONField(default=list)
    problem_count = models.PositiveBigIntegerField(default=0)
    rejected_count = models.PositiveBigIntegerField(default=0)
    first_problems = models.JSONField(default=list)
    fingerprint = models.CharField(max_length=64, blank=True)
    progress_rows = models.PositiveBigIntegerField(default=0)
    progress_share = models.FloatField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="one_version_a_number")]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"

    @property
    def folder(self) -> Path:
        """Where the imported rows lie once the state is ready."""
        return folder_of("datasets", self.pk)

    @property
    def source(self) -> Path:
        """The uploaded file as it came."""
        return folder_of("uploads", self.pk) / "source"

    @property
    def is_ready(self) -> bool:
        return self.state == VersionState.READY

    @property
    def is_importing(self) -> bool:
        return self.state == VersionState.IMPORTING

    @property
    def is_failed(self) -> bool:
        return self.state == VersionState.FAILED

    @property
    def is_configurable(self) -> bool:
        """Whether its options may still be chosen: nothing was imported from it yet."""
        return self.state in CONFIGURABLE

    @property
    def import_options(self) -> ImportOptions:
        return ImportOptions.from_json(self.options)

    @property
    def task_info(self) -> TaskInfo:
        return CATALOGUE[self.dataset.task]
