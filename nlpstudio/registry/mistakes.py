"""The rows behind the figures: predictions of a version joined with the rows they were made for, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.http import Http404

from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.registry.models import ModelVersion

PER_PAGE = 25
_COLUMNS = ("row_id", "gold", "predicted", "confidence", "correct", "loss")
_PLACES = ("gold_spans", "predicted_spans", "start", "end")
"""Where in the text: columns that only some tasks have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which predictions to show. `correct` None means right and wrong ones alike."""

    split: str = ""
    gold: str = ""
    predicted: str = ""
    correct: bool | None = False
    confidence_from: float | None = None
    confidence_below: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One row with what the model said of it. `record` is the row as the data set stores it, `places` says where."""

    row_id: int
    record: Mapping[str, Any]
    gold: list[str]
    predicted: list[str]
    confidence: float
    correct: bool
    loss: float
    places: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPage:
    """One page, worst first, and where it stands."""

    items: list[Judged]
    number: int
    pages: int
    count: int

    @property
    def has_next(self) -> bool:
        return self.number < self.pages

    @property
    def has_previous(self) -> bool:
        return self.number > 1

    @property
    def next(self) -> int:
        return self.number + 1

    @property
    def previous(self) -> int:
        return self.number - 1


def splits_of(version: ModelVersion) -> list[str]:
    """The splits with stored predictions that can be right or wrong, test first."""
    if version.model.task == "pretraining":
        return []
    folder = version.folder / "predictions"
    return [name for name in ("test", "validation") if (folder / f"{name}.parquet").is_file()]


def page(version: ModelVersion, wanted: Filter, number: int = 1, per_page: int = PER_PAGE) -> JudgedPage:
    """The asked page of the matching predictions, those with the largest loss first; the nearest page that exists.

    Only the texts of that page are read. Raises `Http404` for a split without predictions.
    """
    split = wanted.split or next(iter(splits_of(version)), "")
    path = version.folder / "predictions" / f"{split}.parquet"
    if split not in splits_of(version):
        raise Http404
    places = [name for name in _PLACES if name in pq.read_schema(path).names]
    table = pq.read_table(path, columns=[*_COLUMNS, *places])
    table = table.filter(_mask(table, wanted))
    order = pc.sort_indices(table, sort_keys=[("loss", "descending"), ("row_id", "ascending")])
    pages = max(1, -(-table.num_rows // per_page))
    number = min(max(1, number), pages)
    chosen = table.take(order.slice((number - 1) * per_page, per_page)).to_pylist()
    records = DatasetFolder.open(version.dataset_version.folder).get(each["row_id"] for each in chosen)
    items = [
        Judged(
            record=records[each["row_id"]],
            places={name: each[name] for name in places},
            **{name: each[name] for name in _COLUMNS},
        )
        for each in chosen
    ]
    return JudgedPage(items=items, number=number, pages=pages, count=table.num_rows)


def _mask(table: Any, wanted: Filter) -> Any:
    tests = [pa.array([True]).take(pa.array([0] * table.num_rows, pa.int8()))]
    if wanted.correct is not None:
        tests.append(pc.equal(table["correct"], wanted.correct))
    if wanted.gold:
        tests.append(_holds(table["gold"], wanted.gold))
    if wanted.predicted:
        tests.append(_holds(table["predicted"], wanted.predicted))
    if wanted.confidence_from is not None:
        tests.append(pc.greater_equal(table["confidence"], wanted.confidence_from))
    if wanted.confidence_below is not None:
        tests.append(pc.less(table["confidence"], wanted.confidence_below))
    return reduce(pc.and_, tests)


def _holds(column: Any, label: str) -> Any:
    """Which lists hold the label, or a tag of that entity type."""
    whole = column.combine_chunks()
    hits = pc.is_in(pc.list_flatten(whole), value_set=pa.array([label, f"B-{label}", f"I-{label}"]))
    rows = pc.unique(pc.list_parent_indices(whole).filter(hits))
    return pc.is_in(pa.array(range(len(whole)), pa.int64()), value_set=rows.cast(pa.int64()))
