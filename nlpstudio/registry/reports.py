"""The evaluation report of a version, read from its artifact and laid out for pages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpstudio.registry.models import ModelVersion

SPLITS = ("test", "validation")
"""In the order in which people want to see them: the honest one first."""
WIDEST = 25
"""A confusion matrix with more labels than this is shown as a list of its largest cells."""
PAIRS = 20
ROWS = ("samples",)
"""Parts of a split's report that are rows of the data: guests are not shown them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Rows of one label that were given another (or the same). `share` is of all rows with the gold label."""

    gold: str
    predicted: str
    count: int
    share: float

    @property
    def is_right(self) -> bool:
        return self.gold == self.predicted


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """`rows` are gold labels, columns predicted ones. `pairs` are the largest wrong cells."""

    labels: list[str]
    rows: list[list[Cell]]
    pairs: list[Cell]

    @property
    def fits(self) -> bool:
        return len(self.labels) <= WIDEST


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitReport:
    """What was measured on one split. `tables` holds the parts that only one task has, as the engine wrote them."""

    name: str
    rows: int
    metrics: dict[str, float]
    per_label: list[dict[str, Any]]
    confusion: Confusion | None
    tables: dict[str, Any] = field(default_factory=dict)


def read(artifact: Path, *, as_guest: bool = False) -> dict[str, Any]:
    """The content of `evaluation.json`, to guests without rows; a report without splits when there is none."""
    path = artifact / "evaluation.json"
    if not path.is_file():
        return {"splits": {}}
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if as_guest:
        for split in report["splits"].values():
            for part in ROWS:
                split.pop(part, None)
    return report


def best_split(report: Mapping[str, Any]) -> str:
    """The split whose metrics stand for the version: test where there is one."""
    return next((name for name in SPLITS if name in report["splits"]), "")


def of(version: ModelVersion, *, as_guest: bool = False) -> list[SplitReport]:
    """The reports of a version, test first."""
    splits = read(version.artifact, as_guest=as_guest)["splits"]
    return [_split_report(name, splits[name]) for name in SPLITS if name in splits]


def _split_report(name: str, values: Mapping[str, Any]) -> SplitReport:
    given = values.get("confusion", {})
    is_matrix = "matrix" in given
    known = {"rows", "metrics", "per_label", *(["confusion"] if is_matrix else [])}
    return SplitReport(
        name=name,
        rows=values["rows"],
        metrics=values["metrics"],
        per_label=values.get("per_label", []),
        confusion=_confusion(given["labels"], given["matrix"]) if is_matrix else None,
        tables={key: table for key, table in values.items() if key not in known},
    )


def _confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> Confusion:
    rows = []
    for gold, counts in zip(labels, matrix, strict=True):
        total = sum(counts) or 1
        rows.append(
            [
                Cell(gold=gold, predicted=predicted, count=count, share=count / total)
                for predicted, count in zip(labels, counts, strict=True)
            ]
        )
    wrong = [cell for row in rows for cell in row if cell.count and not cell.is_right]
    pairs = sorted(wrong, key=lambda cell: -cell.count)[:PAIRS]
    return Confusion(labels=list(labels), rows=rows, pairs=pairs)
