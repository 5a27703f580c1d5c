"""One run over several processes on this machine: started together, heard through the first, ended together.

When the memory runs out for one of them the others wait in vain for its gradients, so all are ended and started again,
from the last checkpoint, with half of the tokens at once.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from nlpstudio.engine.commands import console
from nlpstudio.engine.environment import child_environment, usable_cpus
from nlpstudio.engine.errors import OutOfMemory
from nlpstudio.engine.events import Event, Failed, Warned
from nlpstudio.engine.job import Job
from nlpstudio.engine.training import fit
from nlpstudio.engine.training.group import HALVED, RENDEZVOUS

LOOK_S = 0.05
GRACE_S = 2.0


def follow(path: Path, job: Job, out: IO[str], stop: Callable[[], bool]) -> int:
    """Do the job at `path` with as many processes as it wants devices. Returns the exit code.

    The events of the first go on to `out`. When `stop()` turns true the first is asked to stop, and tells the others.
    When one dies the rest is ended, and why is the last event.
    """
    job.work.mkdir(parents=True, exist_ok=True)
    voice = _Voice(out)
    halvings = 0
    while failure := _attempt(path, job, halvings, voice, stop):
        goes_on = failure["code"] == OutOfMemory.code and "prepared" in voice.kinds and not stop()
        if not goes_on or halvings == fit.HALVINGS:
            voice.pass_on(failure)
            console.say(f"error: {failure['message']}")
            return 1
        halvings += 1
        message = (
            "The memory ran out for one of the processes. The run goes on from its last checkpoint with half as many "
            "tokens at once: it takes a little longer and means the same."
        )
        voice.say(Warned(code="memory.halved", message=message))
    return 0


def _attempt(path: Path, job: Job, halvings: int, voice: _Voice, stop: Callable[[], bool]) -> dict[str, Any] | None:
    """Start all, and wait until they have ended. Returns why it failed, as the values of an event."""
    with tempfile.TemporaryDirectory(prefix=".meeting-", dir=job.work) as meeting:
        ranks = [_start(path, job, number, Path(meeting), halvings) for number in range(job.spec.params.devices)]
        try:
            return _watch(ranks, voice, stop)
        finally:
            for rank in ranks:
                rank.kill()


class _Voice:
    """Passes events on under numbers of its own: those of a process begin again when it is started again."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._spoken = 0
        self.kinds: set[str] = set()

    def pass_on(self, values: dict[str, Any]) -> None:
        self._spoken += 1
        self.kinds.add(values["kind"])
        self._out.write(json.dumps({**values, "seq": self._spoken}, ensure_ascii=False) + "\n")

    def say(self, event: Event) -> None:
        self.pass_on(_now(event))


class _Rank:
    """One process, and the lines that it writes."""

    def __init__(self, number: int, process: subprocess.Popen[str]) -> None:
        self.number, self.process = number, process
        self.lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ended(self) -> int | None:
        return self.process.poll()

    def heard(self) -> list[str]:
        """What it wrote since it was asked last; all of it once the process has ended."""
        if self.ended() is not None:
            self._reader.join(timeout=GRACE_S)
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self.lines.get_nowait())
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)


def _start(path: Path, job: Job, number: int, meeting: Path, halvings: int) -> _Rank:
    size = job.spec.params.devices
    threads = job.spec.params.threads or max(1, usable_cpus() // size)
    place = {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(size)}
    environment = {
        **os.environ,
        **child_environment(threads),
        **place,
        RENDEZVOUS: f"file://{meeting / 'store'}",
        HALVED: str(halvings),
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
    }
    command = [sys.executable, "-m", "nlpstudio.engine", "run", str(path), "--die-with-parent"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8"
    )
    return _Rank(number, process)


def _watch(ranks: list[_Rank], voice: _Voice, stop: Callable[[], bool]) -> dict[str, Any] | None:
    asked = False
    failures: list[dict[str, Any]] = []
    while True:
        codes = [rank.ended() for rank in ranks]
        for rank in ranks:
            for values in map(json.loads, rank.heard()):
                if values["kind"] == "failed":
                    failures.append(values)
                elif rank.number == 0:
                    voice.pass_on(values)
        if all(code == 0 for code in codes):
            return None
        lost = [rank.number for rank, code in zip(ranks, codes, strict=True) if code]
        if lost:
            return _end(ranks, lost, failures)
        if stop() and not asked:
            asked = True
            ranks[0].process.terminate()
        time.sleep(LOOK_S)


def _end(ranks: list[_Rank], lost: list[int], failures: list[dict[str, Any]]) -> dict[str, Any]:
    """One ended badly: end the rest. Returns why, in the words of whoever has them."""
    for rank in ranks:
        rank.kill()
        failures += [values for values in map(json.loads, rank.heard()) if values["kind"] == "failed"]
    if failures:
        return failures[0]
    first = min(lost, key=lambda number: (ranks[number].ended() or 0) > 0)  # a signal is a cause, the others followed
    code = ranks[first].ended() or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    failed = Failed(
        code="engine.process_lost",
        message=f"Process {first + 1} of the {len(ranks)} of this run died ({how}), so the others were ended.",
        hint="Resume the run: it continues from its last checkpoint.",
    )
    return _now(failed)


def _now(event: Event) -> dict[str, Any]:
    return {"at": round(time.time(), 3), **event.to_json()}
