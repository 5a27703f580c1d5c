"""What the models of projects take on the disk, from the rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Sum

from nlpstudio.registry.models import ModelVersion


def stored_bytes(projects: Sequence[UUID]) -> int:
    """All files of all versions, predictions too."""
    versions = ModelVersion.objects.filter(model__project__in=projects)
    return int(versions.aggregate(total=Sum("size_bytes"))["total"] or 0)
