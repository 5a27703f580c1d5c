"""The classification loss is the field's, in every variant, and pairs and several labels are first-class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from nlpstudio.engine.data.rows import ClassificationRow
from nlpstudio.engine.errors import UnusableData
from nlpstudio.engine.events import Step
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.classification import TASK, ClassificationExample
from nlpstudio.engine.training import loop
from tests.engine.cast import training
from tests.tiny import tiny_tokenizer

SETUP = Setup(labels=("a", "b", "c"), max_length=16)
IDS = np.zeros(3, dtype=np.int32)
EXAMPLES = [ClassificationExample(ids=IDS, labels=(label,)) for label in (0, 2, 2, 1, 2)]
LOGITS = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def mean_loss(setup: Setup, examples: list[ClassificationExample]) -> float:
    return TASK.loss(LOGITS, examples, setup).item() / TASK.weight(examples, setup)


def row(text: str, *labels: str, pair: str | None = None) -> ClassificationRow:
    return ClassificationRow(row_id=0, line=7, text=text, text_pair=pair, labels=labels)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_over_pieces_is_torchs_weighted_mean_over_the_batch(smoothing: float, weighted: bool) -> None:
    weights = TASK.balance(EXAMPLES, SETUP) if weighted else None
    setup = replace(SETUP, params=TrainParams(label_smoothing=smoothing), class_weights=weights)
    gold = torch.tensor([example.labels[0] for example in EXAMPLES])
    expected = F.cross_entropy(
        LOGITS, gold, weight=None if weights is None else torch.tensor(weights), label_smoothing=smoothing
    )
    pieces = [TASK.loss(LOGITS[part], EXAMPLES[part], setup) for part in (slice(0, 2), slice(2, 5))]
    assert sum(pieces).item() / TASK.weight(EXAMPLES, setup) == pytest.approx(expected.item(), rel=1e-5)


def test_balanced_weights_are_scikit_learns() -> None:
    assert TASK.balance(EXAMPLES, SETUP) == pytest.approx((5 / 3, 5 / 3, 5 / 9))


def test_the_multi_label_loss_is_the_mean_over_all_decisions() -> None:
    examples = [replace(example, labels=labels) for example, labels in zip(EXAMPLES, [(), (0, 2), (1,), (2,), (0, 1, 2)], strict=True)]  # fmt: skip
    hot = torch.tensor([[0, 0, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 1]]).float()
    expected = F.binary_cross_entropy_with_logits(LOGITS, hot)
    assert mean_loss(replace(SETUP, multilabel=True), examples) == pytest.approx(expected.item(), rel=1e-5)


def test_several_labels_a_row_are_learned(base_model: Path, tmp_path: Path) -> None:
    rows = [
        ClassificationRow(row_id=i, text=text, labels=labels)
        for i, (text, labels) in enumerate(
            [("good film", ("film", "good")), ("bad film", ("film",)), ("good meal", ("good",)), ("dull book", ())] * 4
        )
    ]
    run = training(
        "classification", base_model, tmp_path, rows=rows, labels=("film", "good"), multilabel=True,
        epochs=80, learning_rate=3e-3, early_stopping=0, seed=1,
    )  # fmt: skip
    first, *_, last = [event.loss for event in loop.train(run) if isinstance(event, Step)]
    assert last < first / 3
    assert run.progress.best_value == 1.0
    assert run.model.config.problem_type == "multi_label_classification"


def test_pairs_are_told_apart_by_token_types_and_singles_are_not() -> None:
    rows = [row("a b", "a"), row("a b", "b", pair="c d"), row("x " * 50, "c", pair="y")]
    encoded = TASK.encode(rows, tiny_tokenizer(), SETUP)
    single, pair, long = encoded.examples
    assert single.types is None
    assert pair.types is not None
    assert pair.types.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert encoded.truncated == 1
    assert len(long) == 16
    assert long.types is not None
    assert long.types.sum() == 2  # the longer text was cut, not the shorter
    assert [example.row for example in encoded.examples] == [0, 1, 2]


def test_an_unknown_label_and_too_few_labels_are_said_in_words() -> None:
    with pytest.raises(UnusableData, match=r"line 7.*'z'"):
        TASK.encode([row("a", "z")], tiny_tokenizer(), SETUP)
    with pytest.raises(UnusableData, match="only 'a'"):
        TASK.outputs(["a"])
