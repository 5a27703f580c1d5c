"""What the io worker does with an upload: import it once, say how far it is, end in ready or in failed with words.

A worker holds an import by its heartbeat; each that takes it raises the row's `fence`, and every
write is conditional on it, so that a worker that comes back from the dead changes nothing.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q

from nlpstudio.core import clock
from nlpstudio.core.live import announce
from nlpstudio.datasets.models import DatasetVersion, DatasetVersionQuerySet, VersionState
from nlpstudio.datasets.storing import FULL
from nlpstudio.engine.data.amending import amend
from nlpstudio.engine.data.importing import ImportReport, RefusedData, import_file
from nlpstudio.engine.data.rows import ROWS, Row
from nlpstudio.engine.errors import DiskFull, EngineError, UnreadableFile

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
WRITE_SECONDS = 0.5


class Superseded(Exception):
    """Another worker has taken the import, or the version is gone."""


def execute(version_id: UUID) -> None:
    """Import one version. Does nothing when it is not waiting: a message may come twice."""
    version = _claim(version_id)
    if version is None:
        return
    draft = _draft_folder(version)
    heart = _Heart(version)
    heart.start()
    try:
        report = _import(version, draft)
        _finish(version, draft, report)
    except Superseded:
        logger.warning("the import of %s went to another worker", version.pk)
    except EngineError as error:
        _fail(version, error)
    except Exception:
        _fail(version, ImportCrashed())
        raise
    finally:
        heart.stop()
        shutil.rmtree(draft, ignore_errors=True)
        announce("dataset", version.dataset_id)


class ImportCrashed(EngineError):
    """The importer has a fault: the worker's log says which."""

    code = "import.crashed"

    def __init__(self) -> None:
        super().__init__(
            "The import stopped on an error of ours.",
            hint="The log of the io worker has the details. Try another format or other settings.",
        )


class ImportLost(EngineError):
    """The worker died, more than once."""

    code = "import.lost"

    def __init__(self) -> None:
        super().__init__(
            f"The worker stopped in the middle of the import, {MAX_ATTEMPTS} times.",
            hint="It may have run out of memory. Try a smaller file, then import again.",
        )


def reap() -> list[UUID]:
    """Look after imports that nobody works on. Returns those whose message has to be sent again.

    One whose worker died is tried once more, then failed. One that was never taken gets its message
    again while no import is under way: the first message may have been lost with the broker.
    """
    again = []
    for version in DatasetVersion.objects.lost():
        if version.attempt >= MAX_ATTEMPTS:
            _fail(version, ImportLost())
            announce("dataset", version.dataset_id)
        else:
            again.append(version.pk)
    if not again and not DatasetVersion.objects.held().exists():
        again.extend(DatasetVersion.objects.untouched().values_list("pk", flat=True)[:1])
    return again


def _claim(version_id: UUID) -> DatasetVersion | None:
    version = DatasetVersion.objects.select_related("dataset", "amends").filter(pk=version_id).first()
    if version is None:
        return None
    free = Q(heartbeat_at__isnull=True) | Q(heartbeat_at__lt=clock.in_seconds(-settings.LEASE_SECONDS))
    taken = _mine(version).filter(free, attempt__lt=MAX_ATTEMPTS).update(
        fence=version.fence + 1, attempt=version.attempt + 1, heartbeat_at=clock.now(), progress_rows=0, progress_share=0
    )  # fmt: skip
    if not taken:
        return None
    version.refresh_from_db(fields=["fence", "attempt"])
    return version


def _mine(version: DatasetVersion) -> DatasetVersionQuerySet:
    """The row, as long as this worker holds its import."""
    return DatasetVersion.objects.importing().filter(pk=version.pk, fence=version.fence)


def _draft_folder(version: DatasetVersion) -> Path:
    folder = version.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left_over in folder.parent.glob(f"{folder.name}.*"):
        shutil.rmtree(left_over, ignore_errors=True)
    return folder.with_name(f"{folder.name}.{version.fence}")


def _import(version: DatasetVersion, draft: Path) -> ImportReport:
    try:
        if version.amends is not None:
            return amend(
                version.amends.folder,
                draft,
                _corrected(version),
                name=version.source_name,
                progress=_progress(version),
            )
        return import_file(
            version.source, draft, version.import_options, name=version.source_name, progress=_progress(version)
        )
    except FileNotFoundError as error:
        if version.source.exists():
            raise
        raise UnreadableFile("The uploaded file is no longer there.", hint="Upload it again.") from error
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise DiskFull(
            "The disk of the server is full.", hint="Ask the administrator to make room, then import again."
        ) from error


def _corrected(version: DatasetVersion) -> Iterator[Row]:
    """The rows that an amendment brings, from the file that `services.amend` wrote."""
    make = ROWS[version.dataset.task].from_record
    with version.source.open(encoding="utf-8") as lines:
        yield from (make(json.loads(line)) for line in lines)


def _progress(version: DatasetVersion) -> Callable[[int, float], None]:
    last = 0.0

    def write(rows: int, share: float) -> None:
        nonlocal last
        if time.monotonic() - last < WRITE_SECONDS:
            return
        last = time.monotonic()
        held = _mine(version).update(progress_rows=rows, progress_share=share, heartbeat_at=clock.now())
        if not held:
            raise Superseded
        announce("dataset", version.dataset_id)

    return write


def _finish(version: DatasetVersion, draft: Path, report: ImportReport) -> None:
    info = report.info
    with transaction.atomic():
        held = _mine(version).update(
            state=VersionState.READY,
            rows=info.rows,
            columns=_columns(version, info.options),
            options=info.options or version.options,
            labels=info.labels,
            splits=info.splits,
            statistics=info.statistics,
            warnings=info.warnings,
            problem_count=info.problem_count,
            rejected_count=info.rejected_count,
            first_problems=[problem.to_json() for problem in report.problems],
            fingerprint=info.fingerprint,
            progress_rows=info.rows,
            progress_share=1.0,
            heartbeat_at=clock.now(),
        )
        if not held:
            raise Superseded
        shutil.rmtree(version.folder, ignore_errors=True)  # of an attempt that died between this move and its commit
        draft.rename(version.folder)


def _columns(version: DatasetVersion, options: dict[str, object]) -> list[str]:
    """The roles that the file filled."""
    info = version.task_info
    mapped = options.get("columns") or {}
    order = (*info.columns, *info.optional)
    return [role for role in order if role in mapped] if isinstance(mapped, dict) and mapped else list(info.columns)


def _fail(version: DatasetVersion, error: EngineError) -> None:
    problems = error.problems if isinstance(error, RefusedData) else ()
    _mine(version).update(
        state=VersionState.FAILED,
        problem_count=len(problems),
        first_problems=[problem.to_json() for problem in problems],
        error_code=error.code,
        error_message=error.message,
        error_hint=error.hint,
        heartbeat_at=clock.now(),
    )


class _Heart(threading.Thread):
    """Beats for an import while it is in a stage that reports no rows, such as sorting out the splits."""

    def __init__(self, version: DatasetVersion) -> None:
        super().__init__(name=f"heart of import {version.pk}", daemon=True)
        self._version = version
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(settings.HEARTBEAT_SECONDS):
            try:
                _mine(self._version).update(heartbeat_at=clock.now())
            except DatabaseError:
                logger.warning("no heartbeat for the import of %s", self._version.pk, exc_info=True)
            finally:
                connection.close()

    def stop(self) -> None:
        self._stopped.set()
        self.join()
