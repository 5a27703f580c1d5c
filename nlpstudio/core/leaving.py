"""Whether this Celery worker is being shut down: the main process gets the signal, a pool process has the long task."""

from __future__ import annotations

import mmap
import os


class Leaving:
    """A flag in memory that the main process shares with its pool processes, which are forked from it."""

    def __init__(self) -> None:
        self._flag: mmap.mmap | None = None
        self._parent: int | None = None

    def begin(self) -> None:
        """In the main process, before it forks."""
        self._flag = mmap.mmap(-1, 1)

    def remember_parent(self) -> None:
        """In a pool process, at its start."""
        self._parent = os.getppid()

    def leave(self) -> None:
        """The shutdown has begun."""
        if self._flag is not None:
            self._flag[0] = 1

    def is_leaving(self) -> bool:
        """Whether the worker is being shut down, or a pool process has lost its main process."""
        if self._parent is not None and os.getppid() != self._parent:
            return True
        return self._flag is not None and self._flag[0] != 0


LEAVING = Leaving()
"""That of this worker; outside of a worker it never leaves."""
