"""Measures what lies on the disk, by project and kind. Only the io worker does this: it reads every folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.demos.models import Batch
from nlpstudio.engine import shelf
from nlpstudio.operations.models import Measurement, Stored, StoredKind
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import ModelVersion, Tokenizer
from nlpstudio.runs.models import Run

Owner = tuple[UUID | None, bool]
"""The project, and whether the thing lies in the trash, by itself or with its project."""
NOBODY: Owner = (None, False)


def _owners(rows: QuerySet[Any], project: str, deleted: str) -> dict[str, Owner]:
    found = rows.values_list("pk", project, deleted, f"{project}__deleted_at")
    return {str(pk): (project_id, bool(own or whole)) for pk, project_id, own, whole in found}


OWNERS: Mapping[str, Callable[[], dict[str, Owner]]] = {
    StoredKind.UPLOADS: lambda: _owners(DatasetVersion.objects.all(), "dataset__project", "dataset__deleted_at"),
    StoredKind.DATASETS: lambda: _owners(DatasetVersion.objects.all(), "dataset__project", "dataset__deleted_at"),
    StoredKind.RUNS: lambda: _owners(Run.objects.all(), "project", "deleted_at"),
    StoredKind.MODELS: lambda: _owners(ModelVersion.objects.all(), "model__project", "model__deleted_at"),
    StoredKind.TOKENIZERS: lambda: _owners(Tokenizer.objects.all(), "project", "deleted_at"),
    StoredKind.BATCHES: lambda: _owners(Batch.objects.all(), "version__model__project", "version__model__deleted_at"),
}
"""Kind to the owners of its folders by the folders' names, in one query."""


class _Totals:
    """Bytes and files by project, kind and trash."""

    def __init__(self) -> None:
        self.found: dict[tuple[Owner, str], list[int]] = {}

    def add(self, owner: Owner, kind: str, path: Path) -> None:
        size, files = measure(path)
        total = self.found.setdefault((owner, kind), [0, 0])
        total[0] += size
        total[1] += files


def measure(path: Path) -> tuple[int, int]:
    """Bytes and number of the files below a folder, or of one file. What goes away meanwhile is not counted."""
    size = files = 0
    waiting = [os.fspath(path)] if path.is_dir() else []
    if path.is_file():
        return path.stat().st_size, 1
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        size, files = size + entry.stat(follow_symlinks=False).st_size, files + 1
        except FileNotFoundError:
            continue
    return size, files


def execute() -> None:
    """Measure everything and put it in place of what was measured before. Twice is once."""
    begun = timezone.now()
    totals = _Totals()
    root: Path = settings.FILES_ROOT
    for folder in root.iterdir() if root.is_dir() else ():
        if folder.name not in OWNERS:
            totals.add(NOBODY, StoredKind.UNCLAIMED, folder)
            continue
        owners = OWNERS[folder.name]()
        for thing in folder.iterdir():
            owner = owners.get(thing.name)
            totals.add(owner or NOBODY, folder.name if owner else StoredKind.UNCLAIMED, thing)
    totals.add(NOBODY, StoredKind.BASE_MODELS, shelf.home())
    _store(totals, begun)


def _store(totals: _Totals, begun: Any) -> None:
    disk = shutil.disk_usage(settings.STUDIO_HOME)
    with transaction.atomic():
        alive = {None, *Project.objects.values_list("pk", flat=True)}
        Stored.objects.all().delete()
        Stored.objects.bulk_create(
            Stored(project_id=project, in_trash=in_trash, kind=kind, bytes=size, files=files)
            for ((project, in_trash), kind), (size, files) in totals.found.items()
            if project in alive
        )
        Measurement.objects.update_or_create(
            pk=1, defaults={"measured_at": begun, "free_bytes": disk.free, "total_bytes": disk.total}
        )
