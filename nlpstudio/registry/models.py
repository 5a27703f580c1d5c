"""Models and their immutable versions."""

from __future__ import annotations

import uuid
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.files import folder_of
from nlpstudio.datasets.models import DatasetVersion, task_choices
from nlpstudio.engine.inference import engines
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.projects.models import Project

FORGOTTEN_AFTER = timedelta(minutes=30)
"""A fetch of which nothing was heard for so long has no worker any more; the slowest download step takes less."""


class Visibility(models.TextChoices):
    """Who may look at a model and try it, besides those who hold a link."""

    PROJECT = "project", _("The project's members")
    EVERYONE = "everyone", _("Everyone here")


class ModelQuerySet(models.QuerySet["Model"]):
    def visible_to(self, user: User) -> ModelQuerySet:
        """Those of the user's projects, with all that belongs to them."""
        return self.filter(deleted_at__isnull=True, project__in=Project.objects.visible_to(user))

    def open_to(self, user: User) -> ModelQuerySet:
        """Those that the user may look at and try, be it as a guest. A token for one project makes no guest."""
        mine = models.Q(project__in=Project.objects.visible_to(user))
        if user.only_project is not None:
            return self.filter(mine, deleted_at__isnull=True)
        shown = models.Q(visibility=Visibility.EVERYONE, project__deleted_at__isnull=True)
        return self.filter(mine | shown, deleted_at__isnull=True)

    def for_list(self) -> ModelQuerySet:
        latest = ModelVersion.objects.filter(model=models.OuterRef("pk")).order_by("-number")
        return self.select_related("created_by").annotate(
            latest_id=models.Subquery(latest.values("pk")[:1]),
            latest_number=models.Subquery(latest.values("number")[:1]),
            latest_metrics=models.Subquery(latest.values("metrics")[:1]),
            latest_split=models.Subquery(latest.values("metrics_split")[:1]),
        ).order_by("-created_at")  # fmt: skip


class Model(models.Model):
    """A model under one name: what the project publishes, in versions that never change."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(_("name"), max_length=120)
    task = models.CharField(_("task"), max_length=30, choices=task_choices)
    visibility = models.CharField(_("visible to"), max_length=12, choices=Visibility, default=Visibility.PROJECT)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ModelQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def is_for_everyone(self) -> bool:
        return self.visibility == Visibility.EVERYONE


class EngineChoice(models.TextChoices):
    """What may answer for a version. Automatic: the fastest engine that the comparison found to answer alike."""

    AUTOMATIC = engines.AUTOMATIC, _("Automatic")
    TORCH = engines.TORCH, _("PyTorch")
    FP32 = engines.FP32, _("ONNX")
    INT8 = engines.INT8, _("ONNX, 8 bits")


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def visible_to(self, user: User) -> ModelVersionQuerySet:
        return self.filter(model__in=Model.objects.visible_to(user))

    def open_to(self, user: User) -> ModelVersionQuerySet:
        return self.filter(model__in=Model.objects.open_to(user))

    def beside(self, version: ModelVersion, user: User) -> ModelVersionQuerySet:
        """Other versions of the same task that the user may try, the same model's first."""
        own = models.Case(models.When(model=version.model_id, then=0), default=1)
        others = self.open_to(user).filter(model__task=version.model.task).exclude(pk=version.pk)
        return others.select_related("model").order_by(own, "model__name", "-number")


class ModelVersion(models.Model):
    """One published artifact (architecture 5.5) with where it came from.

    `metrics` is flat and belongs to `metrics_split`; the whole report is `model/evaluation.json`.
    `examples` are a few inputs from the data for the demo page. `abstain_below` is the calibrated confidence below
    which a person is to decide, chosen for `wanted_precision`; None: the model decides everything. `engine` is what
    an owner wants it answered by.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="model_versions")
    base_model = models.CharField(max_length=200)
    spec = models.JSONField()
    labels = models.JSONField(default=list)
    metrics = models.JSONField(default=dict)
    metrics_split = models.CharField(max_length=12, blank=True)
    examples = models.JSONField(default=list)
    weights_sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField(default=0)
    abstain_below = models.FloatField(null=True)
    wanted_precision = models.FloatField(null=True)
    engine = models.CharField(max_length=10, choices=EngineChoice, default=EngineChoice.AUTOMATIC)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["model", "number"], name="one_model_version_a_number"),
            models.CheckConstraint(
                name="abstain_below_is_a_share",
                condition=models.Q(abstain_below__isnull=True) | models.Q(abstain_below__range=(0, 1)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"

    @property
    def folder(self) -> Path:
        """Holds `model/` (the artifact) and `predictions/` (one Parquet file a split)."""
        return folder_of("models", self.pk)

    @property
    def takes_pairs(self) -> bool:
        """Whether the model judges two texts together."""
        return any("text_pair" in example for example in self.examples)

    @property
    def converses(self) -> bool:
        """Whether the model was trained on conversations: its tokenizer then has a chat template."""
        return self.model.task == "generation" and (self.artifact / "chat_template.jinja").is_file()

    @property
    def is_encoder(self) -> bool:
        """Whether the model reads whole texts and writes none: what texts can be compared by."""
        if self.model.task == "pretraining":
            return bool(self.spec.get("params", {}).get("objective") != "clm")
        return self.model.task in ("classification", "ner", "qa")

    @property
    def artifact(self) -> Path:
        return self.folder / "model"

    @property
    def answering_engine(self) -> str:
        """Which engine is to answer now."""
        export = getattr(self, "export", None)
        report = export.report if export is not None and export.is_finished else {}
        if not report or self.engine == EngineChoice.TORCH:
            return engines.TORCH
        return str(report["chosen"] if self.engine == EngineChoice.AUTOMATIC else self.engine)


class JobState(models.TextChoices):
    """How a piece of work of the io worker stands."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    FINISHED = "finished", _("Finished")
    FAILED = "failed", _("Failed")


class TokenizerQuerySet(models.QuerySet["Tokenizer"]):
    def visible_to(self, user: User) -> TokenizerQuerySet:
        return self.filter(deleted_at__isnull=True, project__in=Project.objects.visible_to(user))

    def ready(self) -> TokenizerQuerySet:
        return self.filter(state=JobState.FINISHED)

    def waiting(self) -> TokenizerQuerySet:
        """Those that a worker may take: never taken, or its worker was not heard of until its lease ended."""
        lost = models.Q(state=JobState.RUNNING, heartbeat_at__lt=clock.in_seconds(-settings.LEASE_SECONDS))
        return self.filter(models.Q(state=JobState.QUEUED) | lost, deleted_at__isnull=True)

    def for_list(self) -> TokenizerQuerySet:
        return self.select_related("created_by", "dataset_version__dataset").order_by("-created_at")


class Tokenizer(models.Model):
    """A tokenizer of a project, trained on the training documents of a corpus.

    `spec` is a `TokenizerSpec` as JSON, `judgements` what `tokenizing.judge` says of it (under "") and of those on the
    shelf, on one sample of the corpus. Each worker that takes it raises `fence`; its writes are conditional on that.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tokenizers")
    name = models.CharField(_("name"), max_length=120)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="tokenizers")
    spec = models.JSONField()
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    step = models.CharField(max_length=300, blank=True)
    judgements = models.JSONField(default=dict)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TokenizerQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        """Where `tokenizer.json` lies once the state is finished."""
        return folder_of("tokenizers", self.pk) / "tokenizer"

    @property
    def is_ready(self) -> bool:
        return self.state == JobState.FINISHED

    @property
    def is_under_way(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)

    @property
    def vocabulary(self) -> int:
        """How many tokens it has, or, before it is trained, was asked to have: a small text gives fewer."""
        return int(self.judgements.get("", {}).get("vocabulary") or self.tokenizer_spec.vocabulary)

    @property
    def tokenizer_spec(self) -> TokenizerSpec:
        return TokenizerSpec.from_json(self.spec)


class BaseModelFetch(models.Model):
    """The latest order to bring a base model of the shelf to this machine. `step` says in words what is being done."""

    base_model = models.CharField(max_length=200, primary_key=True)
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    step = models.CharField(max_length=300, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.base_model}: {self.state}"

    @property
    def is_under_way(self) -> bool:
        """Queued or running, and heard of lately: a worker that died leaves an order that can be given again."""
        fresh = self.changed_at > timezone.now() - FORGOTTEN_AFTER
        return fresh and self.state in (JobState.QUEUED, JobState.RUNNING)


class ExportQuerySet(models.QuerySet["EngineExport"]):
    def held(self) -> ExportQuerySet:
        """Those that a living worker is busy with."""
        return self.filter(state=JobState.RUNNING, heartbeat_at__gte=clock.in_seconds(-settings.LEASE_SECONDS))

    def waiting(self) -> ExportQuerySet:
        """Queued, or left by a worker that fell silent; the oldest first. Deleted models have no need of engines."""
        silent = models.Q(state=JobState.RUNNING, heartbeat_at__lt=clock.in_seconds(-settings.LEASE_SECONDS))
        wanted = models.Q(state=JobState.QUEUED) | silent
        return self.filter(wanted, version__model__deleted_at__isnull=True).order_by("queued_at")


class EngineExport(models.Model):
    """A version for onnxruntime: whether it is there, and how its engines compare (`report`, as the engine wrote it).

    Each worker that takes it raises `fence`, and every write of it is conditional on its own number.
    """

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="export")
    state = models.CharField(max_length=12, choices=JobState, default=JobState.QUEUED)
    report = models.JSONField(default=dict)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    attempt = models.PositiveIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    objects = ExportQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.version_id}: {self.state}"

    @property
    def is_finished(self) -> bool:
        return self.state == JobState.FINISHED

    @property
    def is_under_way(self) -> bool:
        return self.state in (JobState.QUEUED, JobState.RUNNING)


class Usage(models.Model):
    """How often a version was asked on one day, by whom it was asked (demo, API, batch): sums, never single requests."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="usage")
    day = models.DateField()
    source = models.CharField(max_length=10)
    requests = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    milliseconds = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "day", "source"], name="one_sum_a_version_day_and_source")
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.day} {self.source}: {self.requests}"


class HubPush(models.Model):
    """One upload of a version to the Hugging Face Hub. The token it was given is not here, nor anywhere else."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="pushes")
    repo = models.CharField(max_length=200)
    private = models.BooleanField(default=True)
    state = models.CharField(max_length=12, choices=JobState, default=JobState.RUNNING)
    step = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=500, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    error_message = models.TextField(blank=True)
    error_hint = models.TextField(blank=True)
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "hub pushes"

    def __str__(self) -> str:
        return f"{self.repo}: {self.state}"

    @property
    def is_under_way(self) -> bool:
        """Running, and heard of lately: the process dies with the web process that has the token."""
        return self.state == JobState.RUNNING and self.changed_at > timezone.now() - FORGOTTEN_AFTER
