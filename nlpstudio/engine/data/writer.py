"""Writes a data set folder beside its place and moves it there when it is whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nlpstudio.engine.data import arrow
from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.schema import SCHEMAS, SPLIT_SCHEMA
from nlpstudio.engine.data.store import (
    INFO_FILE,
    PROBLEMS_FILE,
    PROBLEMS_KEPT,
    REJECTED_FILE,
    ROWS_FILE,
    SPLITS_FILE,
    DatasetInfo,
)
from nlpstudio.engine.errors import DiskFull

GROUP_ROWS = 10_000
GROUP_CHARACTERS = 16 * 1024**2  # a group of long contexts is cut short, so that reading one stays cheap
FIRST_PROBLEMS = 100

_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class DatasetWriter:
    """A context manager; unless `publish` was called, nothing stays behind.

    Raises `DiskFull` when there is no space left.
    """

    def __init__(self, target: Path, task: str) -> None:
        self._target = target
        self._schema = SCHEMAS[task].arrow
        self._columns: dict[str, list[Any]] = {name: [] for name in self._schema.names}
        self._characters = 0
        self._content = hashlib.sha256()
        self.rows = 0
        self.problem_count = 0
        self.rejected_count = 0
        self.first_problems: list[Problem] = []

    def __enter__(self) -> Self:
        if self._target.exists():
            raise FileExistsError(self._target)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._draft = Path(tempfile.mkdtemp(prefix=f".{self._target.name}-", dir=self._target.parent))
        self._parquet = pq.ParquetWriter(self._draft / ROWS_FILE, self._schema, compression="zstd")
        self._problems = self._text(PROBLEMS_FILE)
        self._rejected = self._text(REJECTED_FILE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._problems.close()
        self._rejected.close()
        try:
            self._parquet.close()
        except OSError:
            if error is None:
                raise
        shutil.rmtree(self._draft, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise DiskFull(
                "the disk is full: the data set could not be written", hint="Make room, then import the file again."
            ) from error

    def _text(self, name: str) -> TextIO:
        return (self._draft / name).open("w", encoding="utf-8", errors="replace", newline="\n")

    def add(self, row: Row) -> None:
        """Append a row; its id is the number of rows before it."""
        record = row.to_record()
        record["row_id"] = self.rows
        self.rows += 1
        content = []
        for name, values in self._columns.items():
            value = record[name]
            values.append(value)
            if name not in ("row_id", "line"):
                content.append(value)
        line = _canonical(content)
        self._content.update(line.encode())
        self._characters += len(line)
        if len(self._columns["row_id"]) >= GROUP_ROWS or self._characters >= GROUP_CHARACTERS:
            self._flush()

    def note(self, problem: Problem) -> None:
        """Record a problem of a row that was repaired and kept."""
        self.problem_count += 1
        if len(self.first_problems) < FIRST_PROBLEMS:
            self.first_problems.append(problem)
        if self.problem_count <= PROBLEMS_KEPT:
            self._problems.write(json.dumps(problem.to_json(), ensure_ascii=False) + "\n")

    def reject(self, problem: Problem, raw: str) -> None:
        """Record a problem of a row that is left out, and its source text."""
        self.note(problem)
        self.rejected_count += 1
        self.keep_rejected(raw)

    def keep_rejected(self, raw: str) -> None:
        """Add a line (a header, a rejected row) to the file of rejected lines."""
        self._rejected.write(raw + "\n")

    def fingerprint(self, codes: NDArray[np.int8]) -> str:
        """The sha256 over all rows added and their splits."""
        whole = self._content.copy()
        whole.update(codes.tobytes())
        return whole.hexdigest()

    def close_rows(self) -> None:
        """All rows are there: give the memory of writing them back."""
        self._flush()
        self._parquet.close()

    def publish(self, info: DatasetInfo, codes: NDArray[np.int8]) -> None:
        """Write the splits, then the info, and move the folder to its place."""
        self.close_rows()
        self._problems.close()
        self._rejected.close()
        self._write_splits(codes)
        text = json.dumps(info.to_json(), ensure_ascii=False, indent=1)
        (self._draft / INFO_FILE).write_text(text, encoding="utf-8")
        for path in self._draft.iterdir():
            path.chmod(0o644)
            _sync(path)
        self._draft.chmod(0o755)
        _sync(self._draft)
        self._draft.replace(self._target)
        _sync(self._target.parent)

    def _flush(self) -> None:
        if self._columns["row_id"]:
            self._parquet.write_batch(arrow.batch(self._columns, self._schema))
            for values in self._columns.values():
                values.clear()
            self._characters = 0

    def _write_splits(self, codes: NDArray[np.int8]) -> None:
        with pq.ParquetWriter(self._draft / SPLITS_FILE, SPLIT_SCHEMA, compression="zstd") as out:
            for start in range(0, len(codes), 100_000):
                part = codes[start : start + 100_000]
                names = [SPLITS[code] for code in part.tolist()]
                out.write_batch(arrow.batch({"row_id": range(start, start + len(part)), "split": names}, SPLIT_SCHEMA))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
