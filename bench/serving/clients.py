"""Clients in a closed loop: each asks again as soon as it was answered; what they saw, and what the server spent."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One window. `per_cpu_s` is answers by processor second of the server; times are of single requests."""

    clients: int
    answers: int
    refused: int
    failed: int
    seconds: float
    per_s: float
    per_cpu_s: float
    p50_ms: float
    p99_ms: float
    memory_mib: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def run(
    ask: Callable[[str], int],
    texts: Sequence[str],
    *,
    clients: int,
    seconds: float,
    spent: Callable[[], float],
    memory: Callable[[], float],
    pause: Callable[[], float] = lambda: 0.0,
) -> Seen:
    """Let `clients` threads ask for so long. `ask` returns the status of an answer; `spent` the server's CPU seconds.

    After a refusal a client waits for `pause()` seconds, as Retry-After tells it to.
    """
    turn = itertools.count()
    times: list[float] = []
    others: list[int] = []
    until = time.monotonic() + seconds

    def client() -> None:
        while time.monotonic() < until:
            began = time.monotonic()
            status = ask(texts[next(turn) % len(texts)])
            if status == 200:
                times.append(time.monotonic() - began)
            else:
                others.append(status)
                time.sleep(pause())

    threads = [threading.Thread(target=client) for _ in range(clients)]
    began, before = time.monotonic(), spent()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, used = time.monotonic() - began, spent() - before
    return Seen(
        clients=clients,
        answers=len(times),
        refused=others.count(429),
        failed=len(others) - others.count(429),
        seconds=round(took, 2),
        per_s=round(len(times) / took, 1),
        per_cpu_s=round(len(times) / max(used, 1e-9), 1),
        p50_ms=round(1000 * float(np.percentile(times, 50)), 1) if times else 0.0,
        p99_ms=round(1000 * float(np.percentile(times, 99)), 1) if times else 0.0,
        memory_mib=round(memory(), 1),
    )
