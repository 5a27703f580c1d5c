"""The stopwatch that hangs on any contender from outside: on its optimizer's steps and on its word embedding."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook

WARM_UP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The state at the end of an optimizer step: seconds of the process and of the wall, tokens so far."""

    cpu: float
    wall: float
    real: int
    computed: int


@dataclass(slots=True)
class Clock:
    """Stamps of the optimizer steps made so far. Time spent in `after_step` (an evaluation) is not counted."""

    after_step: Callable[[int], None] | None = None
    stamps: list[Stamp] = field(default_factory=list)
    _real: int = 0
    _computed: int = 0
    _paused_cpu: float = 0.0
    _paused_wall: float = 0.0
    _is_paused: bool = False

    @contextmanager
    def on(self, model: nn.Module, padding_id: int) -> Iterator[Clock]:
        """Count what goes through `model` and stamp each step that any optimizer makes meanwhile."""

        def count(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
            if not self._is_paused:
                self._real += int((args[0] != padding_id).sum())
                self._computed += args[0].numel()

        def step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            cpu, wall = time.process_time(), time.perf_counter()
            self.stamps.append(
                Stamp(
                    cpu=cpu - self._paused_cpu, wall=wall - self._paused_wall, real=self._real, computed=self._computed
                )
            )
            if self.after_step is not None:
                self._is_paused = True
                self.after_step(len(self.stamps))
                self._is_paused = False
                self._paused_cpu += time.process_time() - cpu
                self._paused_wall += time.perf_counter() - wall

        embedding: nn.Module = model.get_input_embeddings()  # type: ignore[operator]  # of every transformers model
        hooks = [embedding.register_forward_hook(count), register_optimizer_step_post_hook(step)]
        self._paused_cpu, self._paused_wall = time.process_time(), time.perf_counter()  # the first step begins now
        try:
            yield self
        finally:
            for hook in hooks:
                hook.remove()

    def timed(self, *, skip: int = WARM_UP) -> Stamp:
        """What was spent and done after the first `skip` steps."""
        first, last = self.stamps[skip - 1], self.stamps[-1]
        return Stamp(
            cpu=last.cpu - first.cpu,
            wall=last.wall - first.wall,
            real=last.real - first.real,
            computed=last.computed - first.computed,
        )


def peak_rss_mb() -> float:
    """The most memory this process held at once. (`ru_maxrss` would also know of the process it was forked from.)"""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes where there is no /proc (macOS)
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
