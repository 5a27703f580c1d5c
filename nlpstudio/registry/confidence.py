"""How sure a classifier is and what follows from it: the curve from stored predictions, and its drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from nlpstudio.engine.metrics import abstaining
from nlpstudio.engine.metrics.abstaining import Decided, Flags, Numbers
from nlpstudio.registry import reports
from nlpstudio.registry.mistakes import splits_of
from nlpstudio.registry.models import ModelVersion

FITTED_ON = "validation"
POINTS = 200
"""Of the curve as it is drawn; choosing looks at all of them."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The predictions of one split: calibrated `confidence` and whether the decision was `right`, both [rows]."""

    split: str
    confidence: Numbers
    right: Flags

    @cached_property
    def curve(self) -> abstaining.Curve:
        return abstaining.curve(self.confidence, self.right)

    def choose(self, precision: float) -> Decided | None:
        return abstaining.choose(self.confidence, self.right, precision)

    def at(self, threshold: float) -> Decided:
        return abstaining.at(self.confidence, self.right, threshold)


def judged(version: ModelVersion, split: str) -> Judged | None:
    """A split's stored predictions; None where none are stored or the task is no classification."""
    if version.model.task != "classification" or split not in splits_of(version):
        return None
    table = pq.read_table(version.folder / "predictions" / f"{split}.parquet", columns=["scores", "correct"])
    if not table.num_rows:
        return None
    flat = table["scores"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    scores = flat.reshape(table.num_rows, -1)
    sure = abstaining.sureness(scores, temperature_of(version), multilabel=is_multilabel(version))
    right = table["correct"].combine_chunks().to_numpy(zero_copy_only=False).astype(bool)
    return Judged(split=split, confidence=sure, right=right)


def temperature_of(version: ModelVersion) -> float:
    """What the engine divides this version's logits by; 1 for those published before it was fitted."""
    split = reports.read(version.artifact)["splits"].get(FITTED_ON, {})
    return float(split.get("calibration", {}).get("temperature", 1.0))


def is_multilabel(version: ModelVersion) -> bool:
    return bool(version.dataset_version.options.get("multilabel"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bin of the reliability diagram in a field of 100 × 100: its bar and where its confidence lies."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None
    x: str
    y: str
    width: str
    height: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """The calibration of one split before or after the temperature."""

    ece: float
    bars: list[Bar]


def diagrams(calibration: Mapping[str, Any]) -> dict[str, Diagram]:
    """`before` and `after` of a report's "calibration", ready to draw."""
    return {
        name: Diagram(ece=calibration[name]["ece"], bars=[_bar(each) for each in calibration[name]["bins"]])
        for name in ("before", "after")
    }


def _bar(given: Mapping[str, Any]) -> Bar:
    accuracy = given["accuracy"]
    tall = 100 * (accuracy or 0)
    return Bar(
        **{key: given[key] for key in ("low", "high", "count", "confidence", "accuracy")},
        x=f"{100 * given['low'] + 0.4:.2f}",
        y=f"{100 - tall:.2f}",
        width=f"{100 * (given['high'] - given['low']) - 0.8:.2f}",
        height=f"{tall:.2f}",
        mark=f"{100 - 100 * given['confidence']:.2f}" if given["confidence"] is not None else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Precision over coverage in a field of 200 × 100, from `lowest` precision at the bottom to 1 at the top."""

    path: str
    lowest: float
    mark: tuple[str, str] | None


def line_of(found: Judged, chosen: Decided | None) -> Line:
    """The curve as an SVG path, with the chosen point."""
    curve = found.curve
    at = np.unique(np.linspace(0, len(curve.coverage) - 1, POINTS).astype(int))
    xs, ys = curve.coverage[at], curve.precision[at]
    lowest = float(np.floor(min(float(ys.min()), chosen.precision if chosen else 1.0) * 20) / 20)
    lowest = min(lowest, 0.95)

    def place(x: float, y: float) -> tuple[str, str]:
        return f"{200 * x:.2f}", f"{100 * (1 - (y - lowest) / (1 - lowest)):.2f}"

    points: Sequence[tuple[str, str]] = [place(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
    mark = place(chosen.coverage, chosen.precision) if chosen and chosen.decided else None
    return Line(path="M" + "L".join(f"{x} {y}" for x, y in points), lowest=lowest, mark=mark)
