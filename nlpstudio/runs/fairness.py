"""In which order waiting runs start: the group that used least of late goes first, and in it the person who did.

This is fair queueing by decayed use, as batch schedulers of clusters do it (P. Jackson et al., "Core algorithms of
the Maui scheduler", 2001): what was used counts half after each half-life, so that yesterday's work is soon forgiven.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Person = tuple[Any, Any]
"""A group and a user in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A run that waits. `cost_s` is about how long it will take."""

    run: Any
    group: Any
    user: Any
    place: int
    queued_at: datetime
    cost_s: float = 1.0

    @property
    def key(self) -> tuple[int, datetime, str]:
        """Its place among the runs of the same person."""
        return (self.place, self.queued_at, str(self.run))


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Seconds of computing of late, by group and by person."""

    groups: Mapping[Any, float]
    people: Mapping[Person, float]


def decayed(began_s: float, ended_s: float, half_life_s: float) -> float:
    """Seconds of a turn that began and ended so many seconds ago, each second counted half a half-life later."""
    rate = math.log(2) / half_life_s
    return (math.exp(-rate * max(ended_s, 0)) - math.exp(-rate * max(began_s, ended_s, 0))) / rate


def order(entries: Iterable[Entry], use: Use) -> list[Entry]:
    """All entries in the order in which they start when nothing else happens.

    Each start adds the run's cost to the use of its group and of its person before the next is chosen.
    """
    waiting: dict[Any, dict[Any, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        waiting[entry.group][entry.user].append(entry)
    people = {group: _people(group, own, use) for group, own in waiting.items()}
    groups = [(use.groups.get(group, 0.0), _oldest(own), str(group), group) for group, own in waiting.items()]
    heapq.heapify(groups)
    found: list[Entry] = []
    while groups:
        used, oldest, name, group = heapq.heappop(groups)
        entry = _next_of(people[group])
        found.append(entry)
        if people[group]:
            heapq.heappush(groups, (used + entry.cost_s, oldest, name, group))
    return found


def _people(group: Any, own: Mapping[Any, list[Entry]], use: Use) -> list[Any]:
    """A heap of the group's people, each with their runs in order, the next one last."""
    heap = [
        (use.people.get((group, user), 0.0), min(e.queued_at for e in entries), str(user), sorted(entries, key=lambda e: e.key, reverse=True))
        for user, entries in own.items()
    ]  # fmt: skip
    heapq.heapify(heap)
    return heap


def _next_of(people: list[Any]) -> Entry:
    used, oldest, name, entries = heapq.heappop(people)
    entry: Entry = entries.pop()
    if entries:
        heapq.heappush(people, (used + entry.cost_s, oldest, name, entries))
    return entry


def _oldest(own: Mapping[Any, list[Entry]]) -> datetime:
    return min(entry.queued_at for entries in own.values() for entry in entries)


def jain(amounts: Iterable[float]) -> float:
    """Jain's fairness index, from 1/n (one has all) to 1 (all have the same). R. Jain et al., DEC-TR-301, 1984."""
    values = list(amounts)
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0
