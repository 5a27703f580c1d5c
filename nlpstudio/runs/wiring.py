"""How a run becomes a process of the engine. Named in settings, used by the train worker only; loads no torch."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import IO

from django.conf import settings

from nlpstudio.core.engine_process import ENGINE, kept
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.job import Job

KEPT_FOR_FETCHING = ("http_proxy", "https_proxy", "no_proxy", "ssl_cert_", "requests_ca_bundle", "pip_", "uv_", "hf_")


def start_training(job: Job, folder: Path) -> subprocess.Popen[bytes]:
    """A process that works on `job`, in a session of its own; a spare one that has torch loaded when there is one."""
    path = folder / "job.json"
    job.write(path)
    return SPARE.give(str(path), job.spec.params.threads) or _popen(
        [*ENGINE, "run", str(path), "--die-with-parent", "--confined"], _environment(job.spec.params.threads), folder
    )


def start_fetching(base_model: str, folder: Path) -> subprocess.Popen[bytes]:
    """A process that brings a base model to this machine, telling its steps on standard error."""
    env = {name: value for name, value in os.environ.items() if name.lower().startswith(KEPT_FOR_FETCHING)}
    return _popen([*ENGINE, "fetch-base-model", base_model], env | kept() | {"PYTHONUNBUFFERED": "1"}, folder)


class Spare:
    """One process that has loaded torch and waits for a job, so that the next run starts at once."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Start one if there is none. It costs some seconds of one processor, then only memory."""
        if self._process is None or self._process.poll() is not None:
            settings.FILES_ROOT.mkdir(parents=True, exist_ok=True)
            command = [*ENGINE, "run", "-", "--die-with-parent", "--confined"]
            self._process = _popen(command, _environment(0), settings.FILES_ROOT, stdin=subprocess.PIPE)

    def give(self, job_path: str, threads: int) -> subprocess.Popen[bytes] | None:
        """The spare, set to work on the job, or None: it is not there, or it was started for other `threads`."""
        if threads != 0 or self._process is None:
            return None
        process, self._process = self._process, None
        if process.stdin is not None and process.poll() is None and _sent(process.stdin, job_path):
            return process
        end(process)
        return None

    def drop(self) -> None:
        """End the spare, if there is one."""
        process, self._process = self._process, None
        if process is not None:
            end(process)


SPARE = Spare()
"""The spare of this worker process."""


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was never given a job."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _sent(pipe: IO[bytes], job_path: str) -> bool:
    try:
        pipe.write(f"{job_path}\n".encode())
        pipe.close()
    except BrokenPipeError:
        return False
    return True


def _environment(threads: int) -> dict[str, str]:
    return kept() | child_environment(threads)


def _popen(
    command: list[str], env: dict[str, str], folder: Path, *, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=folder,
        start_new_session=True,
    )
