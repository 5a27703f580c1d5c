"""One reading for all who watch the same thing: however many sockets a process has, the database is asked once.

A value is shared only when its reading began after the asker's question, so nobody gets what was already old.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from channels.db import database_sync_to_async

from nlpstudio.runs.models import RunEvent

T = TypeVar("T")
EVENTS_A_READ = 500
KEPT = 1000


class Shared(Generic[T]):
    """Something that is read by `read`, in a thread, for all who ask meanwhile."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._begun_at = float("-inf")
        self._value: T | None = None

    async def get(self) -> T:
        """The value as it was at this call, or later."""
        asked_at = time.monotonic()
        async with self._lock:
            if self._value is None or self._begun_at < asked_at:
                begun_at = time.monotonic()
                self._value = await database_sync_to_async(self._read)()
                self._begun_at = begun_at
            return self._value


class Tail:
    """The newest events of a run, as (number, JSON text)."""

    def __init__(self, run_id: UUID, after: int) -> None:
        self._run_id = run_id
        self._last = after
        self._lines: deque[tuple[int, str]] = deque(maxlen=KEPT)

    def read(self) -> Tail:
        """Bring in what is new."""
        while new := lines_after(self._run_id, self._last):
            self._lines.extend(new)
            self._last = new[-1][0]
            if len(new) < EVENTS_A_READ:
                break
        return self

    def after(self, seq: int) -> list[tuple[int, str]] | None:
        """What comes after the event `seq`, or None when that is too long ago."""
        first = self._lines[0][0] if self._lines else self._last + 1
        if seq < first - 1:
            return None
        return [line for line in self._lines if line[0] > seq]


def lines_after(run_id: UUID, seq: int) -> list[tuple[int, str]]:
    """Up to `EVENTS_A_READ` events after `seq`."""
    rows = RunEvent.objects.filter(run=run_id, seq__gt=seq).order_by("seq")[:EVENTS_A_READ]
    return [(event.seq, json.dumps(event.to_json(), ensure_ascii=False)) for event in rows]


_SHARED: WeakValueDictionary[Hashable, Shared[Any]] = WeakValueDictionary()


def shared(key: Hashable, read: Callable[[], T]) -> Shared[T]:
    """The process's one reader of `key`, as long as anybody holds it."""
    found: Shared[T] | None = _SHARED.get(key)
    if found is None:
        found = _SHARED[key] = Shared(read)
    return found
