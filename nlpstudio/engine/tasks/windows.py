"""Overlapping windows over a long sequence: all of it is seen, each part once where it has most context."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Positions from `begin` to before `end`; those from `keep_begin` to before `keep_end` have most context here."""

    begin: int
    end: int
    keep_begin: int
    keep_end: int


def windows(count: int, *, room: int, overlap: int) -> list[Window]:
    """Cover `count` positions with windows of at most `room` that share `overlap` with the next (at most half).

    The last window is as long as the others; where two overlap, the border of what they keep is half way.
    """
    if count <= room:
        return [Window(begin=0, end=count, keep_begin=0, keep_end=count)]
    step = room - min(overlap, room // 2)
    begins = [*range(0, count - room, step), count - room]
    borders = [(left + room + right) // 2 for left, right in pairwise(begins)]
    keeps = zip([0, *borders], [*borders, count], strict=True)
    return [
        Window(begin=begin, end=begin + room, keep_begin=keep_begin, keep_end=keep_end)
        for begin, (keep_begin, keep_end) in zip(begins, keeps, strict=True)
    ]
