"""Deciding only where the model is sure: which share of rows it decides then, and how often it is right.

Selective classification by the confidence of the decision, after Geifman and El-Yaniv, "Selective Classification for
Deep Neural Networks" (NeurIPS 2017); the interval of a share after Wilson (1927).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What comes of deciding the rows whose confidence is `threshold` or more: `decided` of `rows`, `wrong` of them."""

    threshold: float
    rows: int
    decided: int
    wrong: int

    @property
    def coverage(self) -> float:
        return self.decided / self.rows if self.rows else 0.0

    @property
    def precision(self) -> float:
        """The share of the decided rows that is right; 1 when none is decided."""
        return 1 - self.wrong / self.decided if self.decided else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the precision on unseen rows like these lies with 95 % certainty."""
        return wilson(self.decided - self.wrong, self.decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Arrays of one length, the surest rows first: at `thresholds[i]` a share `coverage[i]` is decided."""

    thresholds: Numbers
    coverage: Numbers
    precision: Numbers


def curve(confidence: Numbers, right: Flags) -> Curve:
    """Every different outcome that a threshold can have. `confidence` and `right` are [rows]."""
    ranked, hits, last = _ranked(confidence, right)
    counts = np.arange(1, len(ranked) + 1)
    # Half way to the next less sure row: as good for unseen rows on either side.
    cuts = (ranked + np.append(ranked[1:], 0.0)) / 2
    return Curve(thresholds=cuts[last], coverage=(counts / max(len(ranked), 1))[last], precision=(hits / counts)[last])


def choose(confidence: Numbers, right: Flags, precision: float) -> Decided | None:
    """The threshold that decides most rows with at least `precision` right; None when there is none."""
    found = curve(confidence, right)
    good = np.flatnonzero(found.precision >= precision - 1e-12)
    return at(confidence, right, float(found.thresholds[good[-1]])) if len(good) else None


def at(confidence: Numbers, right: Flags, threshold: float) -> Decided:
    """What a given threshold does to these rows."""
    sure = confidence >= threshold
    return Decided(threshold=threshold, rows=len(confidence), decided=int(sure.sum()), wrong=int((sure & ~right).sum()))


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of which `hits` of `count` were seen; (0, 1) when nothing was."""
    if not count:
        return 0.0, 1.0
    share, square = hits / count, NORMAL_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = NORMAL_95 * sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def sureness(scores: Numbers, temperature: float, *, multilabel: bool) -> Numbers:
    """The calibrated confidence [rows] of each row's decision, from the model's own probabilities rows × labels.

    With one label a row it is the likeliest label's probability, with several that of the least sure yes or no.
    """
    tiny = np.finfo(np.float32).tiny
    scores = np.asarray(scores, dtype=np.float64)
    if multilabel:
        odds = np.log(np.maximum(scores, tiny)) - np.log(np.maximum(1 - scores, np.finfo(np.float32).eps))
        return np.asarray((1 / (1 + np.exp(-np.abs(odds) / temperature))).min(axis=1))
    logs = np.log(np.maximum(scores, tiny)) / temperature
    return np.asarray(1 / np.exp(logs - logs.max(axis=1, keepdims=True)).sum(axis=1))


def _ranked(confidence: Numbers, right: Flags) -> tuple[Numbers, NDArray[np.int64], Flags]:
    """Confidences from the highest down, the right ones so far, and which rows are the last of their confidence."""
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    last = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
    return ranked, np.cumsum(right[order]), last
