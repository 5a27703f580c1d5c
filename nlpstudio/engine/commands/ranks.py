"""One run over several processes on this machine: started together, heard through the first, ended together."""

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
from typing import IO

from nlpstudio.engine.commands import console
from nlpstudio.engine.environment import child_environment, usable_cpus
from nlpstudio.engine.events import Failed
from nlpstudio.engine.job import Job
from nlpstudio.engine.training.group import RENDEZVOUS

LOOK_S = 0.05
GRACE_S = 2.0


def follow(path: Path, job: Job, out: IO[str], stop: Callable[[], bool]) -> int:
    """Do the job at `path` with as many processes as it wants devices. Returns the exit code.

    The events of the first go on to `out`. When `stop()` turns true the first is asked to stop, and tells the others.
    When one dies the rest is ended, and why is the last event.
    """
    job.work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".meeting-", dir=job.work) as meeting:
        ranks = [_start(path, job, number, Path(meeting)) for number in range(job.spec.params.devices)]
        try:
            return _watch(ranks, out, stop)
        finally:
            for rank in ranks:
                rank.kill()


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


def _start(path: Path, job: Job, number: int, meeting: Path) -> _Rank:
    size = job.spec.params.devices
    threads = job.spec.params.threads or max(1, usable_cpus() // size)
    place = {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": str(size)}
    environment = {
        **os.environ,
        **child_environment(threads),
        **place,
        RENDEZVOUS: f"file://{meeting / 'store'}",
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
    }
    command = [sys.executable, "-m", "nlpstudio.engine", "run", str(path), "--die-with-parent"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment, text=True, encoding="utf-8"
    )
    return _Rank(number, process)


def _watch(ranks: list[_Rank], out: IO[str], stop: Callable[[], bool]) -> int:
    asked, spoken, failures = False, 0, []
    while True:
        codes = [rank.ended() for rank in ranks]
        for rank in ranks:
            for line in rank.heard():
                if json.loads(line)["kind"] == "failed":
                    failures.append(line)
                elif rank.number == 0:
                    spoken += 1
                    out.write(line)
        if all(code == 0 for code in codes):
            return 0
        lost = [rank.number for rank, code in zip(ranks, codes, strict=True) if code]
        if lost:
            return _end(ranks, out, lost, failures, spoken)
        if stop() and not asked:
            asked = True
            ranks[0].process.terminate()
        time.sleep(LOOK_S)


def _end(ranks: list[_Rank], out: IO[str], lost: list[int], failures: list[str], spoken: int) -> int:
    """One ended badly: end the rest, and say why in the words of whoever has them."""
    for rank in ranks:
        rank.kill()
        failures += [line for line in rank.heard() if json.loads(line)["kind"] == "failed"]
    first = min(lost, key=lambda number: (ranks[number].ended() or 0) > 0)  # a signal is a cause, the others followed
    code = ranks[first].ended() or 0
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    failed = Failed(
        code="engine.process_lost",
        message=f"Process {first + 1} of the {len(ranks)} of this run died ({how}), so the others were ended.",
        hint="Resume the run: it continues from its last checkpoint.",
    )
    values = json.loads(failures[0]) if failures else {"at": round(time.time(), 3), **failed.to_json()}
    out.write(json.dumps({**values, "seq": spoken + 1}, ensure_ascii=False) + "\n")
    console.say(f"error: {values['message']}")
    return 1
