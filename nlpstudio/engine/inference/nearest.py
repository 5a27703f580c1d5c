"""The rows of a data set that are nearest to a vector, from the rows' vectors in a file that grows while one asks.

Each look adds rows for a moment and searches what is there, so nothing waits for the whole and nothing is computed twice.
The file is looked through in pieces; it is a cache: it may go at any time.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlpstudio.engine.data.schema import SCHEMAS
from nlpstudio.engine.data.store import DatasetFolder

SECONDS = 2.0
ROWS_AT_ONCE = 64
SEARCHED_AT_ONCE = 8192
SHOWN = 10
MOST_BYTES = 2 << 30

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def look(
    dataset: DatasetFolder, vector: NDArray[np.float32], cache: Path, embed: Embed, *, seconds: float = SECONDS
) -> dict[str, Any]:
    """`{"rows", "done", "nearest": [{"row_id", "score"}]}`: of `rows` the first `done` were searched, the nearest first.

    `vector` [hidden] has length one; `cache` is the file of the vectors of this data set under this model.
    """
    cache.parent.mkdir(parents=True, exist_ok=True)
    with cache.open("a+b") as file:
        with suppress(BlockingIOError):  # another process adds to it: take what is there
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _grow(file.fileno(), dataset, len(vector), embed, seconds):
                _prune(cache.parent, keep=cache)
        done = os.fstat(file.fileno()).st_size // _size(len(vector))
    os.utime(cache)
    return {"rows": dataset.info.rows, "done": done, "nearest": _search(cache, vector, done)}


def text_of(task: str, record: dict[str, Any]) -> str:
    """The text of a row that is compared: the first that a task's rows are searched by."""
    columns = SCHEMAS[task].searched
    return next((str(record[column]) for column in columns if record.get(column)), "")


def _grow(file: int, dataset: DatasetFolder, width: int, embed: Embed, seconds: float) -> bool:
    """Add vectors of some rows at least, and of more for about so long. Returns whether there were any."""
    done = os.fstat(file).st_size // _size(width)
    os.ftruncate(file, done * _size(width))  # what a killed process left half-written
    began, first = time.monotonic(), done
    while done < dataset.info.rows and (done == first or time.monotonic() - began < seconds):
        ids = range(done, min(done + ROWS_AT_ONCE, dataset.info.rows))
        records = dataset.get(ids)
        texts = [text_of(dataset.info.task, records[row_id]) or " " for row_id in ids]
        os.write(file, embed(texts).astype("<f2").tobytes())
        done += len(texts)
    return done > first


def _search(cache: Path, vector: NDArray[np.float32], done: int) -> list[dict[str, Any]]:
    if not done:
        return []
    vectors = np.memmap(cache, dtype="<f2", mode="r", shape=(done, len(vector)))
    scores = np.concatenate([
        vectors[at : at + SEARCHED_AT_ONCE].astype(np.float32) @ vector for at in range(0, done, SEARCHED_AT_ONCE)
    ])  # fmt: skip
    count = min(SHOWN, done)
    best = np.argpartition(-scores, count - 1)[:count]
    ordered = best[np.argsort(-scores[best], kind="stable")]
    return [{"row_id": int(row_id), "score": float(scores[row_id])} for row_id in ordered]


def _size(width: int) -> int:
    """Bytes of a vector: half precision changes a cosine by less than a thousandth."""
    return 2 * width


def _prune(folder: Path, *, keep: Path) -> None:
    """Drop what was not used for longest until the rest fits."""
    files = sorted((path for path in folder.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in files)
    for path in files:
        if total <= MOST_BYTES:
            return
        if path != keep:
            total -= path.stat().st_size
            path.unlink(missing_ok=True)
