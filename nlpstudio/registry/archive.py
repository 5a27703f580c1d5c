"""A version as a zip that is written while it is sent, so that no size of model needs memory or a second copy."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from asgiref.sync import sync_to_async

_CHUNK = 1 << 20
_ENOUGH = 1 << 18


class _Tape:
    """What the zip writer has written and nobody has taken yet. It cannot seek or tell, which zipfile allows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.waiting = 0

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        self.waiting += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing to do: what is written can be taken at once."""

    def close(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        self.waiting = 0
        return taken


def zipped(folder: Path, name: str) -> Iterator[bytes]:
    """The files of `folder` below a top folder called `name`, as the bytes of a zip in pieces.

    Stored, not deflated: weights do not shrink.
    """
    tape = _Tape()
    with zipfile.ZipFile(tape, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = zipfile.ZipInfo.from_file(path, f"{name}/{path.relative_to(folder).as_posix()}")
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
                    if tape.waiting >= _ENOUGH:
                        yield tape.take()
    yield tape.take()


async def in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces for an asynchronous server; Django would gather a plain iterator in memory first."""

    def step() -> bytes:
        return next(pieces, b"")

    while piece := await sync_to_async(step, thread_sensitive=False)():
        yield piece
