"""A warm process that does jobs in forked children, and kills each child where it is told to.

Forked from one process that has imported everything, a child costs half a second instead of five. It dies by SIGKILL
from inside: at the n-th call that touches the disk (counted by a profile hook, which sees Python's calls of the
operating system and of safetensors' and tokenizers' own writers), after so much processor time, or at a size of file.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch

from nlpstudio.engine.commands import console
from nlpstudio.engine.events import Event, Finished, Prepared, Warned
from nlpstudio.engine.job import Job
from nlpstudio.engine.training import session, warm

ROOT = Path(__file__).parents[3]
ON_DISK = frozenset(
    ["chmod", "close", "fsync", "mkdir", "open", "rename", "rmdir", "save", "serialize_file", "unlink", "write"]
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """A job's file and how its process dies: at disk call `at` (from 1), after `seconds` of processor time, or when a file outgrows
    `size` bytes; 0 means not so. `after` is the least seconds between checkpoints inside an epoch."""

    job: str
    at: int = 0
    seconds: float = 0.0
    size: int = 0
    save_after: float = math.inf


class Mortal:
    """The warm process, from outside."""

    def __enter__(self) -> Self:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def do(self, order: Order) -> dict[str, Any]:
        """`{signal, seconds}` of the child, and of one that lived its `calls`, `resumed_from`, `warnings` and `finished` event."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def main() -> None:
    console.quiet_libraries()
    warm.warm_up()
    torch.set_num_threads(1)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(Order(**json.loads(line)))) + "\n")
        sys.stdout.flush()


def _fork(order: Order) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(2, 1)
        told = _live(order)
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(told))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = json.loads(pipe.read() or "{}")
    _, status, used = os.wait4(child, 0)
    seconds = used.ru_utime + used.ru_stime
    return {"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "seconds": seconds, **told}


def _live(order: Order) -> dict[str, Any]:
    if order.seconds:
        signal.setitimer(signal.ITIMER_PROF, order.seconds)  # SIGPROF ends a process as SIGKILL does, wherever it is
    counter = _Counter(order.at)
    told: list[Event] = []
    for event in session.run(Job.read(Path(order.job)), event_interval=0, save_after=order.save_after):
        told.append(event)
        if isinstance(event, Prepared):  # before it nothing is written
            sys.setprofile(counter)
            if order.size:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (order.size, order.size))
    sys.setprofile(None)
    prepared = next(event for event in told if isinstance(event, Prepared))
    last = told[-1]
    assert isinstance(last, Finished)
    warnings = [event.to_json() for event in told if isinstance(event, Warned)]
    return {
        "calls": counter.names, "resumed_from": prepared.resumed_from, "warnings": warnings, "finished": last.to_json()
    }  # fmt: skip


class _Counter:
    """A profile hook that names each call on the disk and makes call number `last` the process's last."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.names: list[str] = []

    def __call__(self, frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or called.__name__ not in ON_DISK:
            return
        self.names.append(called.__name__)
        if len(self.names) == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
