"""How fast this CPU does one thing beside another, in processor time: a busy machine must not change the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

ROUNDS = 5
SLICE_SECONDS = 0.02


def rates(calls: Sequence[Callable[[], Any]], clock: Callable[[], float] = time.process_time) -> list[float]:
    """Calls per second of `clock`, each the best of some short turns, after one call that is not counted.

    The same seed gives the same weights only while the same choice is made, so neither the wall clock nor a single
    turn decides.
    """
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
