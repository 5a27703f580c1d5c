"""A training process seen from outside: its lines, its log, its end. Nothing here knows of runs."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

READ_BYTES = 1 << 16
READS_A_TURN = 64
LONGEST_LINE_BYTES = 1 << 20
LOG_BYTES = 20 << 20
DRAIN_S = 2.0


class Log:
    """A file that keeps the newest part of what is written to it: at most `LOG_BYTES`, about half of that at least."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        if self._file.tell() > LOG_BYTES:
            self._keep_the_newer_half()

    def close(self) -> None:
        self._file.close()

    def _keep_the_newer_half(self) -> None:
        self._file.close()
        with self._path.open("rb") as old:
            old.seek(-LOG_BYTES // 2, os.SEEK_END)
            kept = old.read()
        draft = self._path.with_suffix(".new")
        draft.write_bytes(b"[older lines were dropped]\n" + kept[kept.find(b"\n") + 1 :])
        draft.replace(self._path)
        self._file = self._path.open("ab")


class Child:
    """A process that leads a session of its own, so that it can be ended with all its descendants.

    Needs a `process` started with `start_new_session=True` and pipes for its output; its standard error goes
    to the log, its standard output is read line by line.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self._log = Log(log)
        self._tail = b""
        self._skipping = False
        self._pipes = selectors.DefaultSelector()
        for pipe in (process.stdout, process.stderr):
            os.set_blocking(pipe.fileno(), False)
            self._pipes.register(pipe, selectors.EVENT_READ)

    @property
    def exit_code(self) -> int | None:
        """None while it works; negative for the signal that ended it."""
        return self.process.poll()

    def read(self, timeout: float) -> list[bytes]:
        """The lines written to standard output within `timeout` seconds, as soon as there is one."""
        lines: list[bytes] = []
        if not self._pipes.get_map():  # both pipes are closed, but the process still ends
            timeout = min(timeout, 0.05)
        for key, _events in self._pipes.select(timeout):
            for _turn in range(READS_A_TURN):
                data = self._take(key.fileobj)  # type: ignore[arg-type]  # only pipes were registered
                if not data:
                    break
                if key.fileobj is self.process.stderr:
                    self._log.write(data)
                else:
                    lines += self._split(data)
        return lines

    def drain(self) -> list[bytes]:
        """What is left in the pipes of a process that has ended; a descendant may hold them open for ever."""
        lines: list[bytes] = []
        end = time.monotonic() + DRAIN_S
        while self._pipes.get_map() and time.monotonic() < end:
            lines += self.read(0.05)
        if self._tail:
            lines.append(self._tail)
            self._tail = b""
        return lines

    def ask_to_stop(self) -> None:
        """SIGTERM to the leader alone: it decides what its helpers do."""
        with suppress(ProcessLookupError):
            self.process.terminate()

    def kill(self) -> None:
        """SIGKILL to the process and all of its group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End whatever is left of the group and let go of the pipes and the log."""
        self.kill()
        self._pipes.close()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._log.close()

    def _take(self, pipe: IO[bytes]) -> bytes:
        try:
            data = os.read(pipe.fileno(), READ_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            self._pipes.unregister(pipe)
        return data

    def _split(self, data: bytes) -> list[bytes]:
        """Whole lines of what came; a line without end is dropped as one short piece of garbage."""
        *whole, self._tail = (self._tail + data).split(b"\n")
        if whole and self._skipping:
            whole, self._skipping = whole[1:], False
        if len(self._tail) > LONGEST_LINE_BYTES:
            garbage, self._tail = [] if self._skipping else [b"?"], b""
            whole, self._skipping = [*whole, *garbage], True
        return whole
