"""Whether a classifier's probabilities mean what they say, and the one number that mends them.

Expected calibration error and temperature scaling after Guo et al., "On Calibration of Modern
Neural Networks" (ICML 2017); the softened targets that keep the temperature of a flawless validation set away
from zero after Platt, "Probabilistic Outputs for Support Vector Machines" (1999).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BINS = 15
COLDEST, HOTTEST = 0.05, 20.0


def reliability(probabilities: Numbers, gold: NDArray[np.int64], bins: int = BINS) -> dict[str, Any]:
    """How often predictions of each confidence are right.

    `probabilities` are rows × labels, `gold` the right label of each row. Returns {"ece", "bins":
    [{"low", "high", "count", "confidence", "accuracy"}]}; bin borders belong to the bin below, empty
    bins have `None`.
    """
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == gold).astype(np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    sure, hits = (np.bincount(place, weights=values, minlength=bins) for values in (confidence, right))
    error = float(np.abs(sure - hits).sum() / len(gold)) if len(gold) else 0.0
    described = [
        {
            "low": index / bins,
            "high": (index + 1) / bins,
            "count": int(count),
            "confidence": float(sure[index] / count) if count else None,
            "accuracy": float(hits[index] / count) if count else None,
        }
        for index, count in enumerate(counts)
    ]
    return {"ece": error, "bins": described}


def softmax(logits: Numbers, temperature: float = 1.0) -> Numbers:
    """Probabilities of rows × labels logits divided by the temperature."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def negative_log_likelihood(
    logits: Numbers, gold: NDArray[np.int64], temperature: float = 1.0, *, softened: float = 0.0
) -> float:
    """The mean over rows, in nats. `softened` is the share of each row's target that the other labels have."""
    scaled = logits / temperature
    top = scaled.max(axis=1)
    total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    own = scaled[np.arange(len(gold)), gold]
    others = (scaled.sum(axis=1) - own) / max(scaled.shape[1] - 1, 1)
    return float((total - (1 - softened) * own - softened * others).mean())


def best_temperature(
    logits: Numbers, gold: NDArray[np.int64], tolerance: float = 1e-6, *, softened: float = 0.0
) -> float:
    """The temperature that makes the gold labels most likely, within [0.05, 20]; 1.0 without rows.

    The likelihood is concave in 1/temperature, so a golden-section search finds its only peak.
    """
    if not len(gold):
        return 1.0

    def cost(inverse: float) -> float:
        return negative_log_likelihood(logits, gold, 1 / inverse, softened=softened)

    ratio = (5**0.5 - 1) / 2
    low, high = 1 / HOTTEST, 1 / COLDEST
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = (cost(point) for point in (left, right))
    while high - low > tolerance:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = cost(right)
    return 2 / (low + high)


def fitted(logits: Numbers, gold: NDArray[np.int64]) -> float:
    """The temperature for data like these rows: as `best_temperature`, but as if two more rows had been seen wrong.

    Without that, a validation set without a mistake would ask for endless certainty.
    """
    return best_temperature(logits, gold, softened=1 / (len(gold) + 2))


def compared(logits: Numbers, gold: NDArray[np.int64], temperature: float) -> dict[str, Any]:
    """{"temperature", "before", "after"}, the latter two as `reliability` describes them."""
    return {
        "temperature": temperature,
        "before": reliability(softmax(logits), gold),
        "after": reliability(softmax(logits, temperature), gold),
    }


def as_choices(logits: Numbers, has_label: NDArray[np.bool_]) -> tuple[Numbers, NDArray[np.int64]]:
    """Multi-label rows × labels as one yes-or-no choice each: logits [rows * labels, 2] and which is right."""
    flat = np.asarray(logits, dtype=np.float64).ravel()
    return np.stack([np.zeros_like(flat), flat], axis=1), has_label.ravel().astype(np.int64)
