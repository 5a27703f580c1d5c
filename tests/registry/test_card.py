"""A model card becomes blocks of plain words."""

from __future__ import annotations

from nlpstudio.engine.modelcard import model_card
from nlpstudio.registry import card

FACTS = {
    "name": "Reviews *of* | films",
    "task": "classification",
    "pipeline_tag": "text-classification",
    "base_model": {"id": "tiny_bert", "licence": "MIT", "languages": ["en"]},
    "metrics": {"test": {"accuracy": 0.91, "macro_f1": 0.9}},
    "dataset": {"fingerprint": "f" * 64, "splits": {"train": 8, "test": 2}},
    "labels": ["good_one", "bad|one"],
    "spec": {"params": {"epochs": 3}},
    "seed": 42,
    "versions": {"torch": "2"},
}


def words(row: list[card.Piece]) -> str:
    return "".join(piece.text for piece in row)


def test_our_own_card_is_read_back_with_its_names_unescaped() -> None:
    blocks = card.parse(model_card(FACTS))
    assert blocks[0].kind == "heading" and words(blocks[0].rows[0][0]) == "Reviews *of* | films"
    table = next(block for block in blocks if block.kind == "table")
    assert [[words(cell) for cell in row] for row in table.rows] == [
        ["metric", "test"],
        ["Accuracy", "0.9100"],
        ["Macro F1", "0.9000"],
    ]
    data = next(block for block in blocks if "Fingerprint" in words(block.rows[0][0] if block.rows else []))
    assert words(data.rows[0][0]).endswith("Labels: good_one, bad|one.")
    assert [piece.kind for piece in data.rows[0][0]] == ["text", "code", "text"]
    code = next(block for block in blocks if block.kind == "code")
    assert code.code.startswith("from transformers import pipeline")


def test_lists_and_unclosed_fences_are_read() -> None:
    blocks = card.parse("- one\n- **two**\n\n```\nx = 1")
    assert [block.kind for block in blocks] == ["list", "code"]
    assert [piece.kind for piece in blocks[0].rows[1][0]] == ["strong"]
    assert blocks[1].code == "x = 1"


def test_an_empty_card_has_no_blocks() -> None:
    assert card.parse("") == [] and card.parse("---\ntags: x\n---\n") == []
