"""The predictor answers in Hugging Face's shapes, whatever the order and lengths, and refuses in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlpstudio.engine.errors import BaseModelRefused, DamagedArtifact, UnsuitableInput
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.classification import probabilities


@pytest.fixture(scope="module")
def folder(base_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with a random head, as plain transformers would save it: no manifest."""
    folder = tmp_path_factory.mktemp("model")
    setup = Setup(labels=("bad", "fine", "good"), max_length=32)
    building.build(TASKS["classification"], base_model, setup).save_pretrained(folder)
    building.load_tokenizer(base_model).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return Predictor.load(folder)


def test_one_text_answers_a_list_of_one_list_sorted_by_score(predictor: Predictor) -> None:
    (answer,) = predictor.predict("a good film")
    assert {each["label"] for each in answer} == {"bad", "fine", "good"}
    scores = [each["score"] for each in answer]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-6)


def test_many_texts_of_all_lengths_are_answered_in_their_order(predictor: Predictor) -> None:
    texts = ["good " * n for n in (30, 1, 200, 7, 7, 2)]
    together = predictor.predict(texts)
    for text, answer in zip(texts, together, strict=True):
        (alone,) = predictor.predict([text])
        assert [each["label"] for each in answer] == [each["label"] for each in alone]
        assert [each["score"] for each in answer] == pytest.approx([each["score"] for each in alone], abs=1e-5)


def test_pairs_and_parameters(predictor: Predictor) -> None:
    pair = {"text": "a film", "text_pair": "is good"}
    (alone,) = predictor.predict("a film")
    (paired,) = predictor.predict(pair, {"top_k": 2, "function_to_apply": None})
    assert len(paired) == 2
    assert paired != alone[:2]
    (raw,) = predictor.predict("a film", {"function_to_apply": "none"})
    (squashed,) = predictor.predict("a film", {"function_to_apply": "sigmoid"})
    assert sum(each["score"] for each in squashed) != pytest.approx(1)
    assert [each["label"] for each in raw] == [each["label"] for each in alone]


@pytest.mark.parametrize(
    ("inputs", "parameters"),
    [
        (None, {}),
        (3, {}),
        ([], {}),
        ("  ", {}),
        ({"text": 1}, {}),
        ({"text": "a", "context": "b"}, {}),
        ({"text": "a", "text_pair": ["b"]}, {}),
        ("a", {"top_k": 0}),
        ("a", {"top_k": "2"}),
        ("a", {"function_to_apply": "relu"}),
        ("a", {"temperature": 1}),
    ],
)
def test_what_it_cannot_take_is_refused_in_words(predictor: Predictor, inputs: Any, parameters: dict[str, Any]) -> None:
    with pytest.raises(UnsuitableInput) as raised:
        predictor.predict(inputs, parameters)
    assert raised.value.message


def test_a_model_that_is_none_of_our_tasks_is_refused(base_model: Path, tmp_path: Path) -> None:
    with pytest.raises(DamagedArtifact, match="BertModel"):
        Predictor.load(base_model)
    with pytest.raises(BaseModelRefused, match="config"):
        Predictor.load(tmp_path)


def test_a_model_without_its_head_is_refused(base_model: Path, tmp_path: Path) -> None:
    for source in base_model.iterdir():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["BertForSequenceClassification"]}))
    with pytest.raises(DamagedArtifact, match="classifier"):
        Predictor.load(tmp_path)


def test_probabilities_do_not_overflow() -> None:
    huge = np.array([1e4, -1e4, 0], dtype=np.float32)
    assert probabilities(huge, "softmax").tolist() == [1.0, 0.0, 0.0]
    assert probabilities(huge, "sigmoid").tolist() == [1.0, 0.0, 0.5]
