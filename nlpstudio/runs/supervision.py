"""Watching one child process of a run: its events, our lease, people's wishes and the clock, in one loop."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from django.conf import settings

from nlpstudio.runs.child import Child
from nlpstudio.runs.recording import Recorder
from nlpstudio.runs.states import State

TURN_S = 0.25
LOOK_S = 0.5


class Leaving(Exception):
    """This worker is being shut down: the run goes back to the queue."""


class Reason(StrEnum):
    """Why the process ended, as far as we had a hand in it."""

    ITSELF = "itself"
    HUNG = "hung"
    UNSTOPPABLE = "unstoppable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a process ended. `seconds` is the patience that ran out, if one did."""

    exit_code: int
    reason: Reason = Reason.ITSELF
    seconds: float = 0


class Supervision:
    """One process, from its start to its end. A trainer reacts to SIGTERM by keeping what it has.

    `pulse` is the file that its process renews in long work without events, as an evaluation is.
    """

    def __init__(
        self,
        child: Child,
        recorder: Recorder,
        *,
        should_leave: Callable[[], bool],
        is_trainer: bool = True,
        pulse: Path | None = None,
    ) -> None:
        self._child = child
        self._recorder = recorder
        self._lease = recorder.lease
        self._should_leave = should_leave
        self._is_trainer = is_trainer
        self._next_look = 0.0
        self._next_beat = 0.0
        self._heard_at = time.monotonic()
        self._pulse = pulse
        self._beat = 0.0
        self._beat_at = 0.0
        self._asked_at: float | None = None

    def watch(self) -> Ending:
        """Return when the process has ended. Raises `LeaseLost` and `Leaving`; the process is gone then too."""
        try:
            while self._child.exit_code is None:
                self._listen(self._child.read(TURN_S))
                if self._should_leave():
                    raise Leaving
                self._look()
                if (ended := self._run_out_of_patience()) is not None:
                    return ended
            self._listen(self._child.drain())
            return Ending(exit_code=self._child.exit_code)
        finally:
            self._child.close()

    def _listen(self, lines: list[bytes]) -> None:
        if lines and self._recorder.take(lines):
            self._heard_at = time.monotonic()

    def _look(self) -> None:
        """Extend the lease and see what people want, each as often as it needs."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._lease.extend()
            self._next_beat = now + settings.HEARTBEAT_SECONDS
        if now >= self._next_look:
            self._next_look = now + LOOK_S
            self._feel()
            self._heed(self._lease.state())

    def _feel(self) -> None:
        """Whether the pulse has beaten since the last look."""
        with suppress(FileNotFoundError):
            beat = self._pulse.stat().st_mtime if self._pulse else 0.0
            if beat > self._beat:
                self._beat, self._beat_at = beat, time.monotonic()

    def _heed(self, state: State) -> None:
        run = self._recorder.run
        if state is State.RUNNING and run.stop_requested:  # asked of a worker that was lost
            self._lease.rows().filter(state=State.RUNNING).update(state=State.STOPPING)
        elif state is State.STOPPING and self._asked_at is None and self._may_be_asked():
            self._asked_at = time.monotonic()
            self._child.ask_to_stop()

    def _may_be_asked(self) -> bool:
        """Before it is prepared, a trainer has nothing to keep and may not even listen yet."""
        return self._recorder.is_prepared or not self._is_trainer

    def _run_out_of_patience(self) -> Ending | None:
        now = time.monotonic()
        if self._asked_at is not None and now - max(self._asked_at, self._beat_at) > settings.STOP_GRACE_SECONDS:
            return self._kill(Reason.UNSTOPPABLE, settings.STOP_GRACE_SECONDS)
        if self._asked_at is None and now - max(self._heard_at, self._beat_at) > settings.HANG_SECONDS:
            return self._kill(Reason.HUNG, settings.HANG_SECONDS)
        return None

    def _kill(self, reason: Reason, seconds: float) -> Ending:
        self._child.kill()
        self._listen(self._child.drain())
        return Ending(exit_code=self._child.exit_code or 0, reason=reason, seconds=seconds)
