"""Accuracy, precision, recall and F1 of classifiers, with one label a row or several.

Definitions are scikit-learn's with `zero_division=0`: a ratio without a denominator is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Numbers = NDArray[np.float64]


def evaluate(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """Judge one label a row; every label given or predicted must be in `labels`.

    Returns {"metrics": {accuracy, macro_f1, micro_f1, weighted_f1, macro_precision, macro_recall},
    "per_label": [{label, precision, recall, f1, support}], "confusion": {"labels", "matrix"}}, the
    matrix with a row for each gold and a column for each predicted label, both in `labels`' order.
    Macro means are over all `labels`. Raises `ValueError` for unequal lengths, `KeyError` for an
    unknown label.
    """
    matrix = confusion(gold, predicted, labels)
    hits = np.diag(matrix)
    support, claimed = matrix.sum(axis=1), matrix.sum(axis=0)
    metrics, per_label = _judged(labels, hits, claimed, support)
    metrics["accuracy"] = _share(int(hits.sum()), len(gold))
    return {
        "metrics": metrics,
        "per_label": per_label,
        "confusion": {"labels": list(labels), "matrix": matrix.tolist()},
    }


def evaluate_multilabel(
    gold: Sequence[Iterable[str]], predicted: Sequence[Iterable[str]], labels: Sequence[str]
) -> dict[str, Any]:
    """Judge sets of labels.

    As `evaluate`, but `accuracy` is the share of rows whose whole set is right, `hamming` the share
    of right decisions, and "confusion" holds, for each label, [[true negative, false positive],
    [false negative, true positive]] under "matrices".
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold rows and {len(predicted)} predicted ones")
    codes = {label: code for code, label in enumerate(labels)}
    truth, claim = (_indicator(rows, codes) for rows in (gold, predicted))
    hits = (truth & claim).sum(axis=0, dtype=np.int64)
    support, claimed = truth.sum(axis=0, dtype=np.int64), claim.sum(axis=0, dtype=np.int64)
    metrics, per_label = _judged(labels, hits, claimed, support)
    same = truth == claim
    metrics["accuracy"] = _share(int(same.all(axis=1).sum()), len(gold))
    metrics["hamming"] = _share(int(same.sum()), same.size)
    missed, invented = support - hits, claimed - hits
    rest = len(gold) - hits - missed - invented
    matrices = np.stack([rest, invented, missed, hits], axis=1).reshape(-1, 2, 2)
    confusion = {"labels": list(labels), "matrices": matrices.tolist()}
    return {"metrics": metrics, "per_label": per_label, "confusion": confusion}


def confusion(gold: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Counts:
    """How often each gold label (rows) was predicted as each label (columns)."""
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold labels and {len(predicted)} predicted ones")
    codes = {label: code for code, label in enumerate(labels)}
    size = len(codes)
    truth = np.fromiter((codes[label] for label in gold), dtype=np.int64, count=len(gold))
    claim = np.fromiter((codes[label] for label in predicted), dtype=np.int64, count=len(predicted))
    return np.bincount(truth * size + claim, minlength=size * size).reshape(size, size)


def precision_recall_f1(hits: Counts, claimed: Counts, support: Counts) -> tuple[Numbers, Numbers, Numbers]:
    """From counts of right, claimed and true items; 0 where a denominator is 0."""
    return _ratio(hits, claimed), _ratio(hits, support), _ratio(2 * hits, claimed + support)


def best_thresholds(gold: NDArray[np.bool_], scores: Numbers) -> Numbers:
    """For each label (columns), the threshold of its score that gives the best F1; 0.5 where no row has the label.

    A row has a label when its score is at least the threshold. Of equally good thresholds, the one
    nearest to 0.5 is taken.
    """
    thresholds = np.full(scores.shape[1], 0.5)
    for label in range(scores.shape[1]):
        truth, own = gold[:, label], scores[:, label]
        if not truth.any():
            continue
        order = np.argsort(-own, kind="stable")
        hits = np.cumsum(truth[order])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
        ranked = own[order]
        last_of_score = np.append(ranked[1:] != ranked[:-1], True)
        # Half way to the next lower score: what is just as good on unseen rows on either side.
        cuts = (ranked + np.append(ranked[1:], 0.0)) / 2
        cuts = np.where(last_of_score, np.maximum(cuts, np.nextafter(np.append(ranked[1:], -1.0), 1.0)), 2.0)
        best = f1[last_of_score].max()
        candidates = cuts[last_of_score & (f1 >= best)]
        thresholds[label] = candidates[np.abs(candidates - 0.5).argmin()]
    return thresholds


def _judged(
    labels: Sequence[str], hits: Counts, claimed: Counts, support: Counts
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    precision, recall, f1 = precision_recall_f1(hits, claimed, support)
    weights = support / support.sum() if support.sum() else np.zeros(len(support))
    micro = _share(2 * int(hits.sum()), int(claimed.sum() + support.sum()))
    metrics = {
        "accuracy": 0.0,
        "macro_f1": _mean(f1),
        "micro_f1": micro,
        "weighted_f1": float((f1 * weights).sum()),
        "macro_precision": _mean(precision),
        "macro_recall": _mean(recall),
    }
    columns = zip(labels, precision.tolist(), recall.tolist(), f1.tolist(), support.tolist(), strict=True)
    return metrics, [
        {"label": label, "precision": p, "recall": r, "f1": f, "support": count} for label, p, r, f, count in columns
    ]


def _indicator(rows: Sequence[Iterable[str]], codes: dict[str, int]) -> NDArray[np.bool_]:
    table = np.zeros((len(rows), len(codes)), dtype=bool)
    for index, row in enumerate(rows):
        for label in row:
            table[index, codes[label]] = True
    return table


def _ratio(top: Counts, bottom: Counts) -> Numbers:
    return np.divide(top, bottom, out=np.zeros(len(top)), where=bottom > 0)


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else 0.0


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
