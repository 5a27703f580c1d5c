"""Our classification scores are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    hamming_loss,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
)

from nlpstudio.engine.metrics.classification import best_thresholds, evaluate, evaluate_multilabel

LABELS = ["a", "b", "好", "😀"]
label = st.sampled_from(LABELS)
pairs = st.lists(st.tuples(label, label), min_size=1, max_size=60)
label_sets = st.sets(label)


@settings(max_examples=500, deadline=None)
@given(pairs)
def test_scores_equal_scikit_learns(rows: list[tuple[str, str]]) -> None:
    gold, predicted = [g for g, _ in rows], [p for _, p in rows]
    judged = evaluate(gold, predicted, LABELS)
    metrics = judged["metrics"]
    common = {"labels": LABELS, "zero_division": 0}
    assert metrics["accuracy"] == pytest.approx(accuracy_score(gold, predicted), abs=1e-12)
    for average in ("macro", "weighted"):
        assert metrics[f"{average}_f1"] == pytest.approx(
            f1_score(gold, predicted, average=average, **common), abs=1e-12
        )
    assert metrics["micro_f1"] == pytest.approx(f1_score(gold, predicted, average="micro", **common), abs=1e-12)
    each = precision_recall_fscore_support(gold, predicted, **common)
    for index, entry in enumerate(judged["per_label"]):
        assert entry["label"] == LABELS[index]
        expected = [column[index] for column in each]
        assert [entry["precision"], entry["recall"], entry["f1"], entry["support"]] == pytest.approx(
            expected, abs=1e-12
        )
    assert metrics["macro_precision"] == pytest.approx(each[0].mean(), abs=1e-12)
    assert metrics["macro_recall"] == pytest.approx(each[1].mean(), abs=1e-12)
    assert judged["confusion"]["matrix"] == confusion_matrix(gold, predicted, labels=LABELS).tolist()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(label_sets, label_sets), min_size=1, max_size=40))
def test_multilabel_scores_equal_scikit_learns(rows: list[tuple[set[str], set[str]]]) -> None:
    gold, predicted = ([row[side] for row in rows] for side in (0, 1))
    judged = evaluate_multilabel(gold, predicted, LABELS)
    truth, claim = (np.array([[name in row for name in LABELS] for row in side]) for side in (gold, predicted))
    metrics = judged["metrics"]
    for average in ("macro", "micro", "weighted"):
        expected = f1_score(truth, claim, average=average, zero_division=0)
        assert metrics[f"{average}_f1"] == pytest.approx(expected, abs=1e-12)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, claim), abs=1e-12)
    assert metrics["hamming"] == pytest.approx(1 - hamming_loss(truth, claim), abs=1e-12)
    assert judged["confusion"]["matrices"] == multilabel_confusion_matrix(truth, claim).tolist()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=30))
def test_tuned_thresholds_reach_the_best_f1_that_any_threshold_reaches(rows: list[tuple[bool, int]]) -> None:
    gold = np.array([[g] for g, _ in rows])
    scores = np.array([[s / 8] for _, s in rows])
    threshold = best_thresholds(gold, scores)[0]
    reached = f1_score(gold[:, 0], scores[:, 0] >= threshold, zero_division=0)
    every = [f1_score(gold[:, 0], scores[:, 0] >= cut, zero_division=0) for cut in {*scores[:, 0].tolist(), 0.5}]
    assert reached == pytest.approx(max(every), abs=1e-12)


def test_a_label_that_is_not_listed_is_an_error_and_so_are_unequal_lengths() -> None:
    with pytest.raises(KeyError):
        evaluate(["a"], ["z"], ["a"])
    with pytest.raises(ValueError, match="2 gold labels"):
        evaluate(["a", "a"], ["a"], ["a"])


def test_nothing_to_judge_scores_nothing() -> None:
    assert evaluate([], [], ["a"])["metrics"]["macro_f1"] == 0.0
