"""Calibration is measured as defined and mended by one temperature."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from nlpstudio.engine.metrics.calibration import (
    as_choices,
    best_temperature,
    compared,
    fitted,
    negative_log_likelihood,
    reliability,
    softmax,
)


def test_the_error_is_the_gap_of_confidence_and_accuracy_weighted_by_rows() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    gold = np.array([0, 1, 0, 0])
    found = reliability(probabilities, gold, bins=10)
    # Bin (0.8, 0.9]: 2 rows, 50 % right at 0.9; bin (0.5, 0.6]: 2 rows, 50 % right at 0.6.
    assert found["ece"] == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)
    assert [entry["count"] for entry in found["bins"]] == [0, 0, 0, 0, 0, 2, 0, 0, 2, 0]


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_logits_too_sure_is_found_again(true_temperature: float) -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=(20_000, 4)) * 1.5
    gold = (softmax(honest).cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    logits = honest * true_temperature
    found = best_temperature(logits, gold)
    assert found == pytest.approx(true_temperature, rel=0.05)
    for other in (found * 0.9, found * 1.1):
        assert negative_log_likelihood(logits, gold, found) < negative_log_likelihood(logits, gold, other)
    calibrated = reliability(softmax(logits, found), gold)["ece"]
    assert calibrated < 0.02


def test_softmax_survives_huge_logits() -> None:
    assert softmax(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]
    assert best_temperature(np.empty((0, 2)), np.empty(0, dtype=np.int64)) == 1.0


def test_the_likelihood_is_scikit_learns() -> None:
    rng = np.random.default_rng(1)
    logits, gold = rng.normal(size=(300, 4)) * 3, rng.integers(0, 4, 300)
    for temperature in (0.5, 1.0, 2.5):
        expected = log_loss(gold, softmax(logits, temperature), labels=range(4))
        assert negative_log_likelihood(logits, gold, temperature) == pytest.approx(expected)


def test_a_flawless_validation_set_does_not_ask_for_endless_certainty() -> None:
    gold = np.arange(50) % 2
    logits = np.where(np.eye(2)[gold] == 1, 4.0, 0.0)
    assert best_temperature(logits, gold) < 0.2
    temperature = fitted(logits, gold)
    # The two made-up wrong halves leave 1/52 to the other label: its log odds are those of 51 to 1.
    assert softmax(logits, temperature).max() == pytest.approx(51 / 52, abs=1e-3)


def test_several_labels_a_row_are_so_many_choices_of_two() -> None:
    rng = np.random.default_rng(2)
    honest = rng.normal(size=(4000, 3))
    has_label = rng.random(honest.shape) < 1 / (1 + np.exp(-honest))
    logits, gold = as_choices(3 * honest, has_label)
    assert softmax(logits)[:, 1].reshape(honest.shape) == pytest.approx(1 / (1 + np.exp(-3 * honest)))
    assert fitted(logits, gold) == pytest.approx(3, rel=0.1)
    report = compared(logits, gold, fitted(logits, gold))
    assert report["after"]["ece"] < 0.02 < report["before"]["ece"]
