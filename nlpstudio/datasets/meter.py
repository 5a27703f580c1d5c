"""What the data sets of projects take on the disk, from the rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Sum

from nlpstudio.datasets.models import DatasetVersion

TWICE = 2
"""What an upload takes when it is imported, in uploads."""


def stored_bytes(projects: Sequence[UUID]) -> int:
    """Uploads, and about as much again for the rows that were imported from each."""
    versions = DatasetVersion.objects.filter(dataset__project__in=projects)
    whole = versions.aggregate(total=Sum("source_bytes"))["total"] or 0
    imported = versions.ready().aggregate(total=Sum("source_bytes"))["total"] or 0
    return int(whole + imported)
