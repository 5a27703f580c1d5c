"""What a run that is over for good has no use for: it goes at once, or later when the worker that should have seen to it died."""

from __future__ import annotations

import shutil
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State

FOR_GOOD = (State.FINISHED, State.CANCELLED)
PARTS = ("work", "out")


def discard(run: Run) -> None:
    """Remove checkpoints and drafts of a run that cannot be resumed; its log and its events stay. Twice is once."""
    if run.state in FOR_GOOD:
        for part in PARTS:
            shutil.rmtree(run.folder / part, ignore_errors=True)


def sweep() -> None:
    """Discard for those whose worker died before it could."""
    left = timezone.now() - timedelta(seconds=settings.LEASE_SECONDS)  # a worker that lives has seen the end by then
    for run in Run.objects.filter(state__in=FOR_GOOD, ended_at__lt=left).only("pk", "state").iterator():
        discard(run)
