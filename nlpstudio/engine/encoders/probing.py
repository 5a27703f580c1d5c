"""How fast this CPU does one thing beside another, in processor time: a busy machine must not change the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

ROUNDS = 5
SLICE_SECONDS = 0.02


def rates(calls: Sequence[Callable[[], Any]], clock: Callable[[], float] = time.process_time) -> list[float]:
    """Calls per second of `clock`, each the best of some short turns, after one call that is not counted.

    The same seed gives the same weights only while the same choice is made, so neither the wall clock nor a single
    turn decides. Nor do several threads: those that wait for each other on a busy machine spend processor time on waiting
    (two were measured to do a quarter of what one does, and to hide that bf16 is faster).
    """
    with _one_thread():
        return _rates(calls, clock)


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _rates(calls: Sequence[Callable[[], Any]], clock: Callable[[], float]) -> list[float]:
    for call in calls:
        call()
    best = [0.0] * len(calls)
    for _ in range(ROUNDS):
        for place, call in enumerate(calls):
            count, begin, spent = 0, clock(), 0.0
            while spent < SLICE_SECONDS:
                call()
                count += 1
                spent = clock() - begin
            best[place] = max(best[place], count / spent)
    return best
