"""A data set as it lies on disk: immutable rows in Parquet, read in bounded memory."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nlpstudio.engine.data import arrow
from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.rows import ROWS, Row
from nlpstudio.engine.data.schema import SCHEMAS
from nlpstudio.engine.errors import UnreadableFile
from nlpstudio.engine.jsonable import Jsonable

ROWS_FILE = "rows.parquet"
SPLITS_FILE = "splits.parquet"
INFO_FILE = "info.json"
PROBLEMS_FILE = "problems.jsonl"
REJECTED_FILE = "rejected"
PROBLEMS_KEPT = 10_000
UNANSWERABLE = "unanswerable"
ANSWERABLE = "answerable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo(Jsonable):
    """What is known of a data set without reading its rows.

    `labels` are the classes (classification) or all IOB2 or plain tags (ner), sorted; empty for qa.
    `fingerprint` is the sha256 over the rows' contents and their splits: the same for the same data,
    whatever the file was called. `problem_count` counts all problems, `rejected_count` the rows left
    out; `rejected_suffix` is the file name ending under which the rejected lines can be read again.
    """

    task: str
    rows: int
    labels: list[str]
    multilabel: bool
    splits: dict[str, int]
    fingerprint: str
    statistics: dict[str, Any]
    warnings: list[dict[str, str]]
    problem_count: int
    rejected_count: int = 0
    rejected_suffix: str = ".txt"
    options: dict[str, Any] = field(default_factory=dict)
    source_name: str = ""
    source_sha256: str = ""


class DatasetFolder:
    """An imported data set, opened for reading. Never changes once it is there."""

    def __init__(self, path: Path, info: DatasetInfo) -> None:
        self.path = path
        self.info = info
        self._schema = SCHEMAS[info.task]

    @classmethod
    def open(cls, path: Path) -> DatasetFolder:
        """Open the folder that `import_file` made. Raises `UnreadableFile` when it is not whole."""
        try:
            values = json.loads((path / INFO_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UnreadableFile(f"{path.name} is no imported data set", hint="Import the file again.") from error
        return cls(path, DatasetInfo.from_json(values))

    def rows(self, split: str | None = None) -> Iterator[Row]:
        """The rows in order of their ids, of one split or of all; a row group is in memory at a time."""
        make = ROWS[self.info.task].from_record
        for batch in self._batches():
            if split is not None:
                batch = batch.filter(arrow.flags(self.split_codes[_ids(batch)] == SPLITS.index(split)))
            for record in batch.to_pylist():
                yield make(record)

    def count(self, split: str | None = None) -> int:
        """Rows of one split, or of all."""
        return self.info.rows if split is None else self.info.splits.get(split, 0)

    def page(
        self, offset: int, limit: int, split: str | None = None, query: str | None = None, label: str | None = None
    ) -> tuple[list[dict[str, Any]], int]:
        """`limit` records from `offset` on with their `split`, and how many there are in all.

        `query` is looked for in the texts, letter case aside. `label` is a class, a tag or an entity
        type; for qa it is "answerable" or "unanswerable".
        """
        ids = self._matching(split, query, label if self._schema.labelled else None)
        chosen = ids[offset : offset + limit].tolist()
        records = self.get(chosen)
        return [records[row_id] for row_id in chosen], len(ids)

    def get(self, row_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The records with these ids, each with its `split`. Raises `KeyError` for an id that is not there."""
        groups: dict[int, list[int]] = {}
        for row_id in row_ids:
            if not 0 <= row_id < self.info.rows:
                raise KeyError(row_id)
            groups.setdefault(bisect_right(self._group_starts, row_id) - 1, []).append(row_id)
        found: dict[int, dict[str, Any]] = {}
        for group, wanted in sorted(groups.items()):
            table = self._file.read_row_group(group)
            inside = [row_id - self._group_starts[group] for row_id in wanted]
            for record in table.take(arrow.numbers(inside, pa.int64())).to_pylist():
                record["split"] = SPLITS[self.split_codes[record["row_id"]]]
                found[record["row_id"]] = record
        return found

    def problems(self, offset: int, limit: int) -> tuple[list[Problem], int]:
        """`limit` problems from `offset` on, and how many there were in all (only the first 10,000 are kept)."""
        with (self.path / PROBLEMS_FILE).open(encoding="utf-8") as lines:
            shown = [Problem.from_json(json.loads(line)) for line in islice(lines, offset, offset + limit)]
        return shown, self.info.problem_count

    @cached_property
    def _file(self) -> Any:
        return pq.ParquetFile(self.path / ROWS_FILE)

    @cached_property
    def _group_starts(self) -> list[int]:
        metadata = self._file.metadata
        sizes = (metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
        return [0, *accumulate(sizes)][:-1] or [0]

    @cached_property
    def split_codes(self) -> NDArray[np.int8]:
        """For each row the number of its split in `SPLITS`."""
        names = pq.ParquetFile(self.path / SPLITS_FILE).read(columns=["split"]).column("split")
        known = arrow.strings(SPLITS)
        codes = [arrow.as_numbers(pc.index_in(chunk, value_set=known)).astype(np.int8) for chunk in names.chunks]
        return np.concatenate(codes)

    def _batches(self, columns: list[str] | None = None) -> Iterator[Any]:
        # One row group at a time and a fresh reader each: pyarrow's own iterator reads ahead.
        for group in range(self._file.metadata.num_row_groups):
            yield from self._file.read_row_group(group, columns=columns).to_batches(max_chunksize=2_000)

    def _matching(self, split: str | None, query: str | None, label: str | None) -> NDArray[np.int64]:
        if query or label:
            columns = ["row_id", *(self._schema.searched if query else ())]
            columns += [self._schema.labelled] if label else []
            found = [_ids(batch)[self._mask(batch, query, label)] for batch in self._batches(columns)]
            ids = np.concatenate(found) if found else np.empty(0, dtype=np.int64)
        else:
            ids = np.arange(self.info.rows, dtype=np.int64)
        return ids if split is None else ids[self.split_codes[ids] == SPLITS.index(split)]

    def _mask(self, batch: Any, query: str | None, label: str | None) -> NDArray[np.bool_]:
        mask = np.ones(batch.num_rows, dtype=bool)
        if query:
            hits = np.zeros(batch.num_rows, dtype=bool)
            for column in self._schema.searched:
                hits |= arrow.as_flags(pc.match_substring(batch.column(column), query, ignore_case=True))
            mask &= hits
        if label:
            mask &= _labelled(batch.column(self._schema.labelled), label, self.info.task)
        return mask


def _ids(batch: Any) -> NDArray[np.int64]:
    return arrow.as_numbers(batch.column("row_id"))


def _labelled(column: Any, label: str, task: str) -> NDArray[np.bool_]:
    """Which rows of a list column carry the label."""
    if task == "qa":
        empty: NDArray[np.bool_] = arrow.as_numbers(pc.list_value_length(column)) == 0
        return empty if label == UNANSWERABLE else ~empty
    wanted = arrow.strings([label, f"B-{label}", f"I-{label}"] if task == "ner" else [label])
    hits = arrow.as_flags(pc.is_in(pc.list_flatten(column), value_set=wanted))
    parents = arrow.as_numbers(pc.list_parent_indices(column))
    mask = np.zeros(len(column), dtype=bool)
    mask[parents[hits]] = True
    return mask
