"""Deciding only where the model is sure: against scikit-learn's curve and the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from nlpstudio.engine.metrics import abstaining, calibration

rng = np.random.default_rng(7)
CONFIDENCE = np.round(rng.random(500), 2)
RIGHT = rng.random(500) < 0.4 + 0.6 * CONFIDENCE


def test_the_curve_is_scikit_learns_precision_over_all_thresholds() -> None:
    found = abstaining.curve(CONFIDENCE, RIGHT)
    precision, _recall, thresholds = precision_recall_curve(RIGHT, CONFIDENCE)
    assert len(found.thresholds) == len(thresholds) == len(np.unique(CONFIDENCE))
    assert found.precision[::-1] == pytest.approx(precision[:-1])
    assert found.coverage[::-1] == pytest.approx([(each <= CONFIDENCE).mean() for each in thresholds])


@pytest.mark.parametrize("wanted", [0.7, 0.8, 0.9, 0.95])
def test_the_chosen_threshold_decides_most_rows_of_all_that_are_good_enough(wanted: float) -> None:
    chosen = abstaining.choose(CONFIDENCE, RIGHT, wanted)
    assert chosen is not None and chosen.precision >= wanted
    sure = chosen.threshold <= CONFIDENCE
    assert (chosen.decided, chosen.wrong) == (sure.sum(), (sure & ~RIGHT).sum())
    for lower in np.unique(CONFIDENCE[chosen.threshold > CONFIDENCE]):
        assert RIGHT[lower <= CONFIDENCE].mean() < wanted


def test_where_no_threshold_is_good_enough_there_is_none() -> None:
    assert abstaining.choose(np.array([0.9, 0.5]), np.array([False, True]), 0.9) is None
    assert abstaining.choose(np.array([]), np.array([], dtype=bool), 0.9) is None


def test_the_interval_is_wilsons() -> None:
    assert abstaining.wilson(95, 100) == pytest.approx((0.8882, 0.9785), abs=1e-4)
    assert abstaining.wilson(0, 0) == (0, 1)


def test_calibrated_confidence_from_probabilities_is_that_from_logits() -> None:
    logits = rng.normal(size=(200, 5)) * 4
    sure = abstaining.sureness(calibration.softmax(logits), 1.7, multilabel=False)
    assert sure == pytest.approx(calibration.softmax(logits, 1.7).max(axis=1))
    decisions = 1 / (1 + np.exp(-logits))
    scaled = 1 / (1 + np.exp(-logits / 1.7))
    sure = abstaining.sureness(decisions, 1.7, multilabel=True)
    assert sure == pytest.approx(np.maximum(scaled, 1 - scaled).min(axis=1), rel=1e-6)
