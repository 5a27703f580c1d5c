"""What a run that is over for good has no use for: it goes at once, or later when the worker that should have seen to it died."""

from __future__ import annotations

import shutil
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from nlpstudio.registry import services as registry
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import FINAL, State

FOR_GOOD = (State.FINISHED, State.CANCELLED)
PARTS = ("work", "out")


def discard(run: Run) -> None:
    """Remove checkpoints and drafts of a run that cannot be resumed; its log and its events stay. Twice is once."""
    if run.state in FOR_GOOD:
        for part in PARTS:
            shutil.rmtree(run.folder / part, ignore_errors=True)
    if run.state == State.CANCELLED:
        forget_artifact(run)


def forget_artifact(run: Run) -> None:
    """Remove what went into the registry without becoming a version: its worker died, or the run was cancelled."""
    if run.artifact_id is not None:
        registry.forget(run.artifact_id)


def sweep() -> None:
    """Do so for those whose worker died before it could."""
    left = timezone.now() - timedelta(seconds=settings.LEASE_SECONDS)  # a worker that lives has seen the end by then
    over = Run.objects.filter(state__in=sorted(FINAL), ended_at__lt=left).only("pk", "state", "artifact_id")
    for run in over.filter(state__in=FOR_GOOD).iterator():
        discard(run)
    for run in over.exclude(artifact_id=None).exclude(artifact_id__in=ModelVersion.objects.values("pk")):
        if Run.objects.filter(pk=run.pk, state=run.state).exists():  # it may just have been resumed
            forget_artifact(run)
