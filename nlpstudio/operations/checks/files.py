"""Files and rows agree: every folder has its row, every row its files, and every file the bytes that were promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from nlpstudio.core.files import size_of
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.demos.models import Batch
from nlpstudio.engine import manifest
from nlpstudio.engine.data.fingerprint import fingerprint_of
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import EngineError
from nlpstudio.operations.findings import Finding, Tally
from nlpstudio.registry.models import ModelVersion, Tokenizer
from nlpstudio.runs.models import Run

KINDS: Mapping[str, Callable[[], QuerySet[Any]]] = {
    "uploads": DatasetVersion.objects.all,
    "datasets": DatasetVersion.objects.all,
    "models": ModelVersion.objects.all,
    "tokenizers": Tokenizer.objects.all,
    "runs": Run.objects.all,
    "batches": Batch.objects.all,
}
"""The folders below FILES_ROOT, and the rows whose ids their folders bear."""
YOUNG = timedelta(minutes=10)
"""A folder may be there for a moment before its row is."""


def each_folder_is_referenced(tally: Tally) -> Iterator[Finding]:
    """Nothing lies in storage that no row speaks of."""
    root: Path = settings.FILES_ROOT
    for kind_folder in sorted(p for p in root.glob("*") if p.is_dir()) if root.exists() else ():
        kind = kind_folder.name
        if kind not in KINDS:
            yield Finding(
                check="files.referenced", subject=kind, message="a folder the studio does not know", is_warning=True
            )
            continue
        known = {str(pk) for pk in KINDS[kind]().values_list("pk", flat=True)}
        for folder in kind_folder.iterdir():
            tally.count("folders")
            if folder.name not in known and not _is_young(folder):
                yield Finding(check="files.referenced", subject=f"{kind}/{folder.name}", message="no row speaks of it")


def counts_of_datasets(tally: Tally) -> Iterator[Finding]:
    """A ready version has as many rows as its splits together."""
    for version in DatasetVersion.objects.ready().only("pk", "rows", "splits"):
        tally.count("dataset versions")
        inside = sum(version.splits.values())
        if inside != version.rows:
            words = f"{version.rows} rows, but its splits have {inside}"
            yield Finding(check="datasets.counts", subject=f"dataset version {version.pk}", message=words)


def datasets_are_whole(tally: Tally) -> Iterator[Finding]:
    """The rows of a ready version give its fingerprint; its upload, while it is kept, the sha256 it came with."""
    for version in DatasetVersion.objects.ready():
        subject = f"dataset version {version.pk}"
        try:
            folder = DatasetFolder.open(version.folder)
            if folder.info.rows != version.rows or folder.info.fingerprint != version.fingerprint:
                yield Finding(check="datasets.files", subject=subject, message="its files are those of other data")
                continue
            tally.count("dataset folders")
            if not tally.deep:
                continue
            if fingerprint_of(folder) != version.fingerprint:
                yield Finding(check="datasets.files", subject=subject, message="its rows have changed on the disk")
            source = version.source
            if (
                source.is_file()
                and folder.info.source_sha256
                and manifest.sha256_of(source) != folder.info.source_sha256
            ):
                yield Finding(check="datasets.files", subject=subject, message="its upload has changed on the disk")
        except (EngineError, OSError, ValueError, KeyError) as error:
            yield Finding(check="datasets.files", subject=subject, message=f"its files cannot be read: {error}")


def models_are_whole(tally: Tally) -> Iterator[Finding]:
    """Every published model agrees with its manifest and with its row, byte for byte."""
    for version in ModelVersion.objects.all():
        subject = f"model version {version.pk}"
        artifact = version.folder / "model"
        try:
            told = manifest.verify(artifact) if tally.deep else manifest.read(artifact)
        except (EngineError, OSError) as error:
            yield Finding(check="models.files", subject=subject, message=str(error))
            continue
        tally.count("models")
        weights = told["files"].get("model.safetensors", {}).get("sha256", "")
        if weights != version.weights_sha256:
            yield Finding(check="models.files", subject=subject, message="its weights are not those of its row")
        if (size := size_of(version.folder)) != version.size_bytes:
            words = f"{size} bytes on the disk, but it counts {version.size_bytes}"
            yield Finding(check="models.files", subject=subject, message=words)


def batches_are_whole(tally: Tally) -> Iterator[Finding]:
    """A finished prediction of a file has its result."""
    for batch in Batch.objects.filter(state="finished"):
        tally.count("batches")
        name = str(batch.result.get("file", ""))
        if not name or not (batch.result_path.parent / name).is_file():
            yield Finding(check="batches.files", subject=f"batch {batch.pk}", message="its result is missing")


def _is_young(folder: Path) -> bool:
    try:
        return folder.stat().st_mtime > (timezone.now() - YOUNG).timestamp()
    except FileNotFoundError:
        return True
