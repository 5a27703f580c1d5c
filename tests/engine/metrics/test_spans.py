"""Our entity scores are seqeval's, default and strict, and every wrong span has one name."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2

from nlpstudio.engine.metrics.spans import chunks, evaluate, evaluate_plain, outcomes

TYPES = ("PER", "LOC", "creative-work", "组织")
TAGS = ["O", *(f"{prefix}-{kind}" for kind in TYPES for prefix in "BI")]
tag = st.sampled_from(TAGS)


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[list[str]], list[list[str]]]:
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=6))
    gold = [draw(st.lists(tag, min_size=size, max_size=size)) for size in sizes]
    # Predictions near the gold ones make partial overlaps likely; free ones are hostile.
    predicted = [[draw(st.sampled_from([own, draw(tag)])) for own in sentence] for sentence in gold]
    return gold, predicted


def reference(gold: list[list[str]], predicted: list[list[str]], *, strict: bool) -> dict[str, Any]:
    mode = {"mode": "strict", "scheme": IOB2} if strict else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classification_report(gold, predicted, output_dict=True, zero_division=0, **mode)


def has_entities(sentences: list[list[str]], *, strict: bool) -> bool:
    return any(chunks(tags, strict=strict) for tags in sentences)


@pytest.mark.parametrize("strict", [False, True])
@settings(max_examples=1000, deadline=None)
@given(corpora())
@example(([["I-PER", "O", "I-LOC", "B-LOC"]], [["B-PER", "I-LOC", "I-LOC", "I-LOC"]]))
@example(([["B-PER", "I-LOC"]], [["I-PER", "I-PER"]]))
def test_scores_equal_seqevals(strict: bool, corpus: tuple[list[list[str]], list[list[str]]]) -> None:
    gold, predicted = corpus
    judged = evaluate(gold, predicted, strict=strict)
    if not has_entities(gold, strict=strict) and not has_entities(predicted, strict=strict):
        assert judged["per_label"] == []  # seqeval itself fails on nothing at all
        return
    report = reference(gold, predicted, strict=strict)
    ours = {"micro avg": judged["metrics"], **{entry["label"]: entry for entry in judged["per_label"]}}
    for name, entry in ours.items():
        for key, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert entry[key] == pytest.approx(report[name][theirs], abs=1e-9), (name, key)
    assert judged["metrics"]["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-9)
    assert judged["metrics"]["weighted_f1"] == pytest.approx(report["weighted avg"]["f1-score"], abs=1e-9)
    assert judged["metrics"]["token_accuracy"] == pytest.approx(accuracy_score(gold, predicted), abs=1e-9)
    assert {entry["label"]: entry["support"] for entry in judged["per_label"]} == {
        name: entry["support"] for name, entry in report.items() if not name.endswith(" avg")
    }


@settings(max_examples=300, deadline=None)
@given(corpora())
def test_every_gold_entity_has_one_outcome(corpus: tuple[list[list[str]], list[list[str]]]) -> None:
    gold, predicted = corpus
    judged = evaluate(gold, predicted)
    counts = judged["confusion"]["outcomes"]
    support = sum(entry["support"] for entry in judged["per_label"])
    assert sum(counts.values()) - counts["invented"] == support
    right = sum(len(set(chunks(g)) & set(chunks(p))) for g, p in zip(gold, predicted, strict=True))
    assert counts["right"] == right


def test_each_kind_of_mistake_is_told_apart() -> None:
    gold = [("PER", 0, 2), ("LOC", 3, 4), ("ORG", 5, 8), ("PER", 9, 10)]
    predicted = [("PER", 0, 2), ("ORG", 3, 4), ("ORG", 5, 7), ("LOC", 11, 12)]
    assert [outcome for outcome, _ in outcomes(gold, predicted)] == [
        "right",
        "wrong_type",
        "wrong_border",
        "missed",
        "invented",
    ]


def test_plain_tags_are_judged_by_token() -> None:
    judged = evaluate_plain([["NOUN", "VERB"], ["NOUN"]], [["NOUN", "NOUN"], ["NOUN"]], ["NOUN", "VERB"])
    assert judged["metrics"]["token_accuracy"] == judged["metrics"]["f1"] == pytest.approx(2 / 3)


def test_sentences_of_unequal_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="sentence 0 has 2 gold tags and 1 predicted"):
        evaluate([["O", "O"]], [["O"]])
