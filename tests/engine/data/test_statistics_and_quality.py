"""Figures and warnings say what is in the data."""

from __future__ import annotations

import json

import pytest

from tests.engine.data.makers import Desk, jsonl, question, squad


def codes(loaded) -> set[str]:
    return {warning["code"] for warning in loaded.info.warnings}


def test_labels_are_counted_by_split_and_lengths_are_described(desk: Desk) -> None:
    content = "".join(f"{'word ' * (number % 7 + 1)}{number}\t{'a' if number % 4 else 'b'}\n" for number in range(200))
    info = desk.load("classification", "a.tsv", content).info
    first, second = info.statistics["labels"]
    assert (first["label"], first["total"], second["label"], second["total"]) == ("a", 150, "b", 50)
    assert first["train"] + first["validation"] + first["test"] == 150
    assert (first["validation"], second["validation"]) == (15, 5)
    words = info.statistics["words"]
    assert words["mean"] == pytest.approx(4.98, abs=0.02)
    assert (words["percentiles"]["50"], words["percentiles"]["100"]) == (5, 8)
    assert sum(info.statistics["characters"]["histogram"]["counts"]) == 200
    assert json.dumps(info.statistics)


def test_entities_are_counted_with_their_lengths(desk: Desk) -> None:
    info = desk.load(
        "ner", "a.tsv", "tokens\ttags\nNew York is big\tB-LOC I-LOC O O\nRome\tB-LOC\nAnna sat\tB-PER O\nno\tO\n"
    ).info
    assert info.labels == ["B-LOC", "B-PER", "I-LOC", "I-PER", "O"]
    loc = info.statistics["entities"][0]
    assert (loc["label"], loc["total"], loc["mean_length"], loc["max_length"]) == ("LOC", 2, 6.0, 8)
    assert info.statistics["without_entity"] == 1
    assert info.statistics["tokens"]["percentiles"]["100"] == 4


def test_questions_are_counted_by_their_words(desk: Desk) -> None:
    qas = [
        question("1", "When was it?", ("1999", 3)),
        question("2", "这是什么时候？"),
        question("3", "In which year?", ("1999", 3)),
        question("4", "谁来了？"),
    ]
    info = desk.load("qa", "a.json", squad({"context": "In 1999.", "qas": qas})).info
    words = {entry["word"]: entry["count"] for entry in info.statistics["question_words"]}
    assert words == {"when": 1, "什么时候": 1, "which": 1, "谁": 1}
    assert info.statistics["unanswerable"] == {"rows": 2, "share": 0.5}
    assert (info.statistics["contexts"], info.statistics["answers"]["percentiles"]["100"]) == (1, 4)
    assert "split.missing" in codes(desk.load("qa", "b.json", squad({"context": "In 1999.", "qas": qas})))


def test_clean_data_has_no_warning(desk: Desk) -> None:
    content = "".join(f"a text of number {number}\t{'ab'[number % 2]}\n" for number in range(400))
    assert codes(desk.load("classification", "a.tsv", content)) == set()


def test_each_fault_has_its_warning(desk: Desk) -> None:
    body = "".join(f"a text of number {number}\ta\n" for number in range(300))
    assert {"label.tiny", "label.imbalance"} <= codes(
        desk.load("classification", "a.tsv", body + "b one\tb\nb two\tb\n")
    )
    assert "label.single" in codes(desk.load("classification", "b.tsv", body + "b one\tb\n"))
    loaded = desk.load("classification", "c.tsv", body + "same\ta\nsame\tb\n" + "x\tb\n" + "long " * 1500 + "\tb\n")
    assert {"rows.duplicate", "labels.contradict", "text.near_empty", "text.very_long"} <= codes(loaded)
    assert "splits.leak" not in codes(loaded)  # copies are kept together when we draw


def test_copies_in_given_splits_leak_and_labels_may_be_missing_there(desk: Desk) -> None:
    rows = [("a", "x", "train"), ("b", "y", "train"), ("a", "x", "test"), ("c", "z", "test")]
    records = [{"text": text, "label": label, "split": split} for text, label, split in rows]
    loaded = desk.load("classification", "a.jsonl", jsonl(*records))
    assert {"splits.leak", "label.one_split"} <= codes(loaded)
    assert any("“z”: only in test" in warning["message"] for warning in loaded.info.warnings)
