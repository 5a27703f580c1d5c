"""What the io worker does with a batch prediction: start a process of the engine, watch its journal, say what came of it.

The process is the engine's own, so that this one never loads torch; it dies with us. A worker holds a batch by its
heartbeat; each that takes it raises the row's `fence`, and every write is conditional on it. One batch is answered
at a time, so that imports always find a free io worker and training its processors.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from nlpstudio.core import clock
from nlpstudio.core.engine_process import ENGINE, kept
from nlpstudio.demos.models import Batch, BatchQuerySet, BatchState
from nlpstudio.engine.batch.journal import progress_of
from nlpstudio.engine.batch.order import FAILED_FILE
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.errors import EngineError
from nlpstudio.registry import usage

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
LOOK_SECONDS = 0.5
LOG_LINES = 5


class Superseded(Exception):
    """The batch was cancelled or deleted, or another worker has it."""


class BatchLost(EngineError):
    """Its worker or its process was lost again and again at the same row."""

    code = "batch.lost"

    def __init__(self, row: int) -> None:
        super().__init__(
            f"The prediction stopped {MAX_ATTEMPTS} times after row {row}.",
            hint="The machine may be out of memory, or the next rows are too long. Split the file, then try again.",
        )


class BatchCrashed(EngineError):
    """The engine has a fault, or something on the machine has."""

    code = "batch.crashed"

    def __init__(self, words: str) -> None:
        super().__init__(
            f"The prediction stopped on an error of ours: {words}",
            hint="The log of the io worker has the details.",
        )


def execute(*, should_leave: Callable[[], bool] = lambda: False) -> bool:
    """Answer the next waiting batch. Returns whether there was one that could be taken."""
    batch = _claim()
    if batch is None:
        return False
    try:
        if batch.attempt > MAX_ATTEMPTS:
            raise BatchLost(batch.rows)
        _conclude(batch, _watch(batch, _start(batch), should_leave))
    except Superseded:
        logger.info("the batch %s was taken from this worker", batch.pk)
        discard_if_ended(batch)
    except EngineError as error:
        _fail(batch, error)
    return True


def is_next_waiting() -> bool:
    """Whether a batch waits and none is held."""
    return Batch.objects.waiting().exists() and not Batch.objects.held().exists()


@transaction.atomic
def _claim() -> Batch | None:
    if Batch.objects.held().exists():
        return None
    batch = Batch.objects.waiting().first()
    if batch is None:
        return None
    got_on = batch.rows > batch.attempt_rows
    taken = Batch.objects.waiting().filter(pk=batch.pk, fence=batch.fence).update(
        state=BatchState.RUNNING,
        fence=F("fence") + 1,
        attempt=1 if got_on else F("attempt") + 1,
        attempt_rows=F("rows"),
        heartbeat_at=clock.now(),
        started_at=Coalesce("started_at", clock.now()),
    )  # fmt: skip
    if not taken:
        return None
    return Batch.objects.select_related("version__model__project", "version__dataset_version").get(pk=batch.pk)


def _mine(batch: Batch) -> BatchQuerySet:
    """The row, as long as this worker holds the batch."""
    return Batch.objects.filter(pk=batch.pk, fence=batch.fence, state=BatchState.RUNNING)


def _write(batch: Batch, **fields: Any) -> None:
    if not _mine(batch).update(**fields):
        raise Superseded


def _start(batch: Batch) -> subprocess.Popen[bytes]:
    order = batch.order()
    path = order.write()
    (order.work / FAILED_FILE).unlink(missing_ok=True)
    with (order.work / "log.txt").open("wb") as log:
        return subprocess.Popen(
            [*ENGINE, "batch", str(path), "--die-with-parent", "--confined"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=kept() | child_environment(1),
            cwd=order.work,
            start_new_session=True,
        )


def _watch(batch: Batch, process: subprocess.Popen[bytes], should_leave: Callable[[], bool]) -> int:
    """The process's exit code. Raises `Superseded` when it was ended because the batch is no longer ours."""
    beat_at, shown = 0.0, -1
    try:
        while (code := process.poll()) is None:
            if should_leave():
                _write(batch, state=BatchState.QUEUED, attempt=F("attempt") - 1, heartbeat_at=None, rows_per_s=0)
                raise Superseded
            progress = progress_of(batch.order().work)
            rows = progress.rows if progress is not None else 0
            if progress is not None and rows != shown:
                _write(batch, heartbeat_at=clock.now(), **_figures(batch))
                beat_at, shown = time.monotonic(), rows
            elif time.monotonic() - beat_at > min(settings.HEARTBEAT_SECONDS, 1.0):
                _write(batch, heartbeat_at=clock.now())
                beat_at = time.monotonic()
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
        return code
    finally:
        end(process)


def _figures(batch: Batch) -> dict[str, Any]:
    progress = progress_of(batch.folder / "work")
    if progress is None:
        return {}
    return {
        "rows": progress.rows,
        "total_rows": progress.total,
        "error_rows": progress.errors,
        "rows_per_s": progress.rate,
    }


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all of its group, if it still lives."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _conclude(batch: Batch, exit_code: int) -> None:
    if exit_code == 0 and batch.result_path.exists():
        result = json.loads(batch.result_path.read_text(encoding="utf-8"))
        figures = _figures(batch)
        _write(
            batch, state=BatchState.FINISHED, result=result, ended_at=clock.now(), heartbeat_at=clock.now(), **figures
        )
        seconds = result["rows"] / figures["rows_per_s"] if figures.get("rows_per_s") else 0.0
        usage.COUNTER.add(batch.version_id, "batch", seconds=seconds, requests=result["rows"], failed=result["errors"])
        shutil.rmtree(batch.folder / "work", ignore_errors=True)
        return
    failed = batch.folder / "work" / FAILED_FILE
    if failed.exists():
        said = json.loads(failed.read_text(encoding="utf-8"))
        _close(batch, said["code"], said["message"], said["hint"])
    elif exit_code < 0:  # killed, such as for want of memory: another try goes on where it was
        logger.warning("the process of batch %s was ended by signal %d", batch.pk, -exit_code)
        _write(batch, state=BatchState.QUEUED, heartbeat_at=None, rows_per_s=0)
    else:
        words = (batch.folder / "work" / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        logger.error("the process of batch %s failed: %s", batch.pk, " | ".join(words[-LOG_LINES:]))
        _fail(batch, BatchCrashed(words[-1][:300] if words else f"exit code {exit_code}"))


def _fail(batch: Batch, error: EngineError) -> None:
    _close(batch, error.code, error.message, error.hint)


def _close(batch: Batch, code: str, message: str, hint: str) -> None:
    _mine(batch).update(
        state=BatchState.FAILED,
        error_code=code,
        error_message=message,
        error_hint=hint,
        ended_at=clock.now(),
        **_figures(batch),
    )


def discard_if_ended(batch: Batch) -> None:
    """A cancelled or deleted batch keeps no files of its work."""
    now = Batch.objects.filter(pk=batch.pk).values_list("state", flat=True).first()
    if now is None:
        shutil.rmtree(batch.folder, ignore_errors=True)
    elif now == BatchState.CANCELLED:
        for part in ("work", "result"):
            shutil.rmtree(batch.folder / part, ignore_errors=True)
