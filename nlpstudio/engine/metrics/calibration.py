"""Whether a classifier's probabilities mean what they say, and the one number that mends them.

Expected calibration error and temperature scaling after Guo et al., "On Calibration of Modern
Neural Networks" (ICML 2017).
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


def negative_log_likelihood(logits: Numbers, gold: NDArray[np.int64], temperature: float = 1.0) -> float:
    """The mean over rows, in nats."""
    scaled = logits / temperature
    top = scaled.max(axis=1)
    total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
    return float((total - scaled[np.arange(len(gold)), gold]).mean())


def best_temperature(logits: Numbers, gold: NDArray[np.int64], tolerance: float = 1e-6) -> float:
    """The temperature that makes the gold labels most likely, within [0.05, 20]; 1.0 without rows.

    The likelihood is concave in 1/temperature, so a golden-section search finds its only peak.
    """
    if not len(gold):
        return 1.0
    ratio = (5**0.5 - 1) / 2
    low, high = 1 / HOTTEST, 1 / COLDEST
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = (negative_log_likelihood(logits, gold, 1 / point) for point in (left, right))
    while high - low > tolerance:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = negative_log_likelihood(logits, gold, 1 / left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = negative_log_likelihood(logits, gold, 1 / right)
    return 2 / (low + high)
