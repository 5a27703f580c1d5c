"""What the predictions of files of projects take on the disk, from the rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Sum

from nlpstudio.demos.models import Batch

TWICE = 2
"""A result is about as large as the file that was asked about."""


def stored_bytes(projects: Sequence[UUID]) -> int:
    """Uploads, and about as much again for their results."""
    batches = Batch.objects.filter(version__model__project__in=projects)
    return TWICE * int(batches.aggregate(total=Sum("source_bytes"))["total"] or 0)
