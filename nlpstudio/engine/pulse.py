"""A sign of life of long work that has no event to tell: the time of a file, for whoever watches the process."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

FILE = "pulse"
SECONDS = 2.0


class Pulse:
    """Until `begin` it does nothing: who serves or is asked on the command line has nobody who waits for it."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._beaten_at = 0.0

    def begin(self, folder: Path) -> None:
        """From now on `beat` renews the time of the file in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE
        self._path.touch()
        self._beaten_at = time.monotonic()

    def beat(self) -> None:
        """Say that the work goes on; told at most every `SECONDS`, and never a reason to fail."""
        if self._path is None or time.monotonic() - self._beaten_at < SECONDS:
            return
        self._beaten_at = time.monotonic()
        with suppress(OSError):
            os.utime(self._path)


PULSE = Pulse()
"""Of this process."""
