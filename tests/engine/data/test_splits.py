"""Splits are seeded, stratified and keep together what belongs together."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpstudio.engine.data.facts import ClassificationFacts
from nlpstudio.engine.data.options import SPLITS, SplitOptions
from nlpstudio.engine.data.rows import ClassificationRow
from nlpstudio.engine.data.splits import TEST, TRAIN, VALIDATION, assign
from nlpstudio.engine.errors import InvalidSpec
from tests.engine.data.makers import Desk, question, squad


def facts_of(
    labels: list[str], texts: list[str] | None = None, given_splits: list[str | None] | None = None
) -> ClassificationFacts:
    facts = ClassificationFacts()
    for index, label in enumerate(labels):
        text = texts[index] if texts else f"text {index}"
        facts.add(ClassificationRow(text=text, labels=(label,)), given_splits[index] if given_splits else None)
    return facts


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from("aaaaaaabbbcd"), min_size=1, max_size=200), st.integers(0, 5))
def test_every_label_gets_its_share_to_within_one_row_each_time(labels: list[str], seed: int) -> None:
    codes = assign(facts_of(labels), SplitOptions(train=0.6, validation=0.2, test=0.2, seed=seed))
    assert (codes == assign(facts_of(labels), SplitOptions(train=0.6, validation=0.2, test=0.2, seed=seed))).all()
    held = Counter(label for label, code in zip(labels, codes, strict=True) if code != TRAIN)
    tiny = len(labels) < 10  # there, a wanted split is filled before shares are exact
    for label, count in Counter(labels).items():
        assert tiny or held[label] < count
        assert tiny or abs(held[label] - 0.4 * count) < 2
        if count == 1 and not tiny and max(Counter(labels).values()) > 1:
            assert held[label] == 0
    if len(labels) >= 3:
        assert set(codes.tolist()) == {TRAIN, VALIDATION, TEST}


def test_another_seed_draws_other_rows() -> None:
    labels = ["a", "b"] * 100
    first, second = (assign(facts_of(labels), SplitOptions(seed=seed)) for seed in (1, 2))
    assert (first != second).any()


def test_copies_of_a_text_stay_in_one_split() -> None:
    texts = [f"text {index % 50}" for index in range(300)]
    codes = assign(facts_of(["a", "b"] * 150, texts), SplitOptions())
    where: dict[str, set[int]] = {}
    for text, code in zip(texts, codes, strict=True):
        where.setdefault(text, set()).add(int(code))
    assert all(len(splits) == 1 for splits in where.values())


def test_questions_on_one_context_stay_in_one_split(desk: Desk) -> None:
    paragraphs = [
        {"context": f"Number {n} is here.", "qas": [question(f"{n}-{q}", f"Which {q}?", (f"{n}", 7)) for q in range(5)]}
        for n in range(40)
    ]
    loaded = desk.load("qa", "a.json", squad(*paragraphs))
    where: dict[str, set[str]] = {}
    for split in SPLITS:
        for row in loaded.dataset.rows(split):
            where.setdefault(row.context, set()).add(split)
    assert all(len(splits) == 1 for splits in where.values())
    assert loaded.info.splits["validation"] == loaded.info.splits["test"] == 20


def test_a_split_column_is_honoured_in_any_language(desk: Desk) -> None:
    content = "text\tlabel\tSplit\na\tx\ttrain\nb\ty\tDev\nc\tx\t测试集\nd\ty\tvalidation\n"
    loaded = desk.load("classification", "a.tsv", content)
    assert [row.text for row in loaded.dataset.rows("validation")] == ["b", "d"]
    assert loaded.info.splits == {"train": 1, "validation": 2, "test": 1}


def test_validation_is_drawn_from_train_when_only_train_and_test_are_given() -> None:
    given_splits: list[str | None] = ["train"] * 180 + ["test"] * 20
    codes = assign(facts_of(["a", "b"] * 100, None, given_splits), SplitOptions())
    assert (codes[180:] == TEST).all()
    assert (codes[:180] == VALIDATION).sum() == 20
    assert not (codes[:180] == TEST).any()


def test_rows_without_a_split_are_train_where_others_have_one(desk: Desk) -> None:
    loaded = desk.load("classification", "a.tsv", "text\tlabel\tsplit\na\tx\t\nb\ty\tvalidation\nc\ty\ttest\n")
    assert loaded.info.splits == {"train": 1, "validation": 1, "test": 1}
    assert "split.empty" in {warning["code"] for warning in loaded.info.warnings}


def test_the_draw_does_not_depend_on_the_process() -> None:
    code = (
        "from tests.engine.data.test_splits import facts_of; from nlpstudio.engine.data.splits import assign;"
        "from nlpstudio.engine.data.options import SplitOptions;"
        "texts = [f't{i % 70}' for i in range(200)];"
        "print(assign(facts_of(['a', 'b', 'c', 'd'] * 50, texts), SplitOptions()).tolist())"
    )
    environments = ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    outputs = {
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
        for env in environments
    }
    assert len(outputs) == 1


def test_shares_must_sum_to_one() -> None:
    with pytest.raises(InvalidSpec, match="shares"):
        SplitOptions(train=0.5, validation=0.1, test=0.1)
