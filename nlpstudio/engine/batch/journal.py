"""Answers written so that a kill at any moment loses none that were committed and repeats none.

The part file grows; the journal beside it says how many bytes of it count and how many rows they stand for.
A commit puts the part on the disk first, then replaces the journal. Whoever opens them cuts the part back to
what the journal says and goes on from there.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.jsonable import Jsonable

PART_FILE = "part"
JOURNAL_FILE = "journal.json"
LOCK_FILE = "lock"
LOCK_SECONDS = 15.0


class InUse(EngineError):
    """Another process works on the same order."""

    code = "batch.in_use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Jsonable):
    """How far an order is. `bytes` of the part count; `rate` is in rows a second, 0 while it is not known."""

    key: str
    rows: int = 0
    errors: int = 0
    total: int = 0
    bytes: int = 0
    rate: float = 0.0


def progress_of(work: Path) -> Progress | None:
    """What the journal says, for whoever watches; None before the first commit."""
    try:
        return Progress.from_json(json.loads((work / JOURNAL_FILE).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


class Journal:
    """A context manager that holds the work folder against other processes. Raises `InUse`."""

    def __init__(self, work: Path, key: str) -> None:
        self._work = work
        self.part = work / PART_FILE
        self._key = key
        self.rows, self.errors, self.total, self._bytes = 0, 0, 0, 0

    def __enter__(self) -> Self:
        self._lock = (self._work / LOCK_FILE).open("ab")
        _take(self._lock.fileno(), self._work.name)
        known = progress_of(self._work)
        size = self.part.stat().st_size if self.part.exists() else 0
        if known is not None and known.key == self._key and known.bytes <= size:
            self.rows, self.errors, self.total, self._bytes = known.rows, known.errors, known.total, known.bytes
        self._file = self.part.open("ab")
        self._file.truncate(self._bytes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._lock.close()

    def append(self, data: bytes, *, rows: int = 0, errors: int = 0) -> None:
        """Add bytes and the rows they stand for; they count from the next `commit` on."""
        self._file.write(data)
        self._bytes += len(data)
        self.rows += rows
        self.errors += errors

    def commit(self, *, rate: float = 0.0) -> None:
        """What was appended is on the disk and counts."""
        self._file.flush()
        os.fsync(self._file.fileno())
        progress = Progress(
            key=self._key, rows=self.rows, errors=self.errors, total=self.total, bytes=self._bytes, rate=round(rate, 1)
        )
        write_whole(self._work / JOURNAL_FILE, progress.to_json())


def write_whole(path: Path, values: Mapping[str, Any]) -> None:
    """A small JSON file that is there whole or as it was before."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(values, file, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _take(descriptor: int, name: str) -> None:
    """Lock, giving a killed predecessor some seconds to be gone."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise InUse(f"another process works on {name}", hint="Wait until it has ended.") from error
            time.sleep(0.1)
