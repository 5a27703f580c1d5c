"""What the io worker does for a version's engines: one process of the engine at a time writes and compares them.

The process writes into a folder beside the artifact; this one renames it into its place and writes the row.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F

from nlpstudio.core import clock
from nlpstudio.core.engine_process import ENGINE, kept
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.inference import engines
from nlpstudio.registry.models import EngineExport, JobState

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
LOOK_SECONDS = 0.5
DRAFT = "onnx-made"
OLD = "onnx-old"
LOST = "export.lost"
CRASHED = "export.crashed"


class Superseded(Exception):
    """Another worker has it, or this one is leaving."""


def execute(*, should_leave: Callable[[], bool] = lambda: False) -> bool:
    """Make the engines of the next version that waits. Returns whether there was one that could be taken."""
    export = _claim()
    if export is None:
        return False
    try:
        if export.attempt > MAX_ATTEMPTS:
            _fail(export, LOST, "The worker was lost again and again.", "The machine may be out of memory.")
        elif not export.version.artifact.is_dir():
            _fail(export, "artifact.damaged", "The files of this version are missing.", "")
        else:
            _conclude(export, *_run(export, should_leave))
    except Superseded:
        logger.info("the export of %s was left to another worker", export.pk)
    return True


def is_next_waiting() -> bool:
    """Whether one waits and none is being made."""
    return EngineExport.objects.waiting().exists() and not EngineExport.objects.held().exists()


@transaction.atomic
def _claim() -> EngineExport | None:
    if EngineExport.objects.held().exists():
        return None
    export = EngineExport.objects.waiting().first()
    if export is None:
        return None
    taken = EngineExport.objects.waiting().filter(pk=export.pk, fence=export.fence).update(
        state=JobState.RUNNING, fence=F("fence") + 1, attempt=F("attempt") + 1, heartbeat_at=clock.now()
    )  # fmt: skip
    if not taken:
        return None
    return EngineExport.objects.select_related("version__dataset_version").get(pk=export.pk)


def _run(export: EngineExport, should_leave: Callable[[], bool]) -> tuple[int, str]:
    """The exit code of the engine's process and what it printed."""
    version = export.version
    command = [
        *ENGINE, "export", "--model", str(version.artifact), "--out", str(version.folder / DRAFT), "--die-with-parent",
    ]  # fmt: skip
    if version.dataset_version.folder.is_dir():
        command += ["--data", str(version.dataset_version.folder)]
    log = version.folder / "export.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=kept() | child_environment(1),
            start_new_session=True,
        ) as process,
    ):
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    said, _nothing = process.communicate(timeout=LOOK_SECONDS)
                    return process.returncode, said.decode(errors="replace")
                if should_leave():
                    _write(export, state=JobState.QUEUED, attempt=F("attempt") - 1, heartbeat_at=None)
                    raise Superseded
                _write(export, heartbeat_at=clock.now())
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _conclude(export: EngineExport, code: int, said: str) -> None:
    folder = export.version.folder
    lines = said.strip().splitlines()
    told: dict[str, Any] = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    if code == 0 and (folder / DRAFT / engines.REPORT).is_file():
        with transaction.atomic():
            _write(export, state=JobState.FINISHED, report=told, ended_at=clock.now(), heartbeat_at=clock.now())
            _move_in(folder / DRAFT, export.version.artifact / engines.FOLDER)
        (folder / "export.log").unlink(missing_ok=True)
    elif "error" in told:
        _fail(export, told["error"]["code"], told["error"]["message"], told["error"]["hint"])
    elif code < 0:  # killed, such as for want of memory
        _write(export, state=JobState.QUEUED, heartbeat_at=None)
    else:
        words = (folder / "export.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        logger.error("the export of %s failed: %s", export.pk, " | ".join(words[-5:]))
        _fail(export, CRASHED, words[-1][:300] if words else f"exit code {code}", "The log of the io worker has more.")


def _move_in(draft: Path, place: Path) -> None:
    """Rename the finished folder into the artifact; an older one goes."""
    old = draft.with_name(OLD)
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    draft.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _mine(export: EngineExport) -> Any:
    return EngineExport.objects.filter(pk=export.pk, fence=export.fence, state=JobState.RUNNING)


def _write(export: EngineExport, **fields: Any) -> None:
    if not _mine(export).update(**fields):
        raise Superseded


def _fail(export: EngineExport, code: str, message: str, hint: str) -> None:
    _mine(export).update(
        state=JobState.FAILED, error_code=code, error_message=message, error_hint=hint, ended_at=clock.now()
    )
