"""The pace of a run: when to speak, when to save, how fast it goes and how long it will take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from nlpstudio.engine.events import STEP_EVENTS_PER_SECOND, Step

SAVE_AFTER = 30.0
SAVING_SHARE = 0.05


@dataclass(kw_only=True, slots=True)
class Meter:
    """Collects steps between two events. `interval` is the least time between those, in seconds."""

    interval: float = 1 / STEP_EVENTS_PER_SECOND
    _spoken: float = 0.0
    _began: float = field(default_factory=time.monotonic)
    _losses: list[float] = field(default_factory=list)
    _tokens: int = 0
    _rate: float = 0.0

    def add(self, *, loss: float, tokens: int) -> None:
        self._losses.append(loss)
        self._tokens += tokens

    def due(self) -> bool:
        return time.monotonic() - self._spoken >= self.interval

    def event(
        self, *, step: int, epoch: float, lr: float, grad_norm: float, memory_bytes: int, tokens_left: float
    ) -> Step:
        """The event of the steps added since the last one. `tokens_left` are still to be trained on."""
        now = time.monotonic()
        speed = self._tokens / max(now - self._began, 1e-9)
        self._rate = speed if self._rate == 0 else 0.8 * self._rate + 0.2 * speed
        loss = sum(self._losses) / len(self._losses)
        self._spoken = self._began = now
        self._losses, self._tokens = [], 0
        return Step(
            step=step,
            epoch=round(epoch, 4),
            loss=loss,
            lr=lr,
            grad_norm=grad_norm,
            tokens_per_s=speed,
            memory_bytes=memory_bytes,
            eta_s=tokens_left / self._rate,
        )

    def wait(self) -> None:
        """Sleep until an event is due: the last step's is not to be lost."""
        time.sleep(max(0.0, self.interval - (time.monotonic() - self._spoken)))

    def pause(self, seconds: float) -> None:
        """Do not count the last `seconds` (an evaluation, a checkpoint) as training."""
        self._began += seconds


@dataclass(kw_only=True, slots=True)
class SaveClock:
    """Says when to save between evaluations: `after` so many seconds, spending at most that `share` of the time."""

    after: float = SAVE_AFTER
    share: float = SAVING_SHARE
    _saved: float = field(default_factory=time.monotonic)
    _cost: float = 0.0

    def due(self) -> bool:
        return time.monotonic() - self._saved >= max(self.after, self._cost / self.share)

    def saved(self, seconds: float) -> None:
        """A checkpoint stands on disk; writing it took `seconds`."""
        self._saved = time.monotonic()
        self._cost = seconds
