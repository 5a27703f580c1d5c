"""Attributions add up to what they explain, agree with a reference, and point at the words that decided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from nlpstudio.engine.data.tokens import cut_tokens
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference.attribution import Integrated, Place, by_word, odds
from nlpstudio.engine.inference.explaining import Explaining
from tests.published import Train, trained

__all__ = ["trained"]

ASKED: dict[str, tuple[Any, dict[str, Any]]] = {
    "classification": ("the film was good, 🙂 北京", {"label": "negative"}),
    "ner": ("anna lake lives in 北京 🙂", {"start": 0, "end": 9, "label": "PER"}),
    "qa": ({"question": "where is anna 7", "context": "🙂 anna 7 lives in 北京 and works."}, {"start": 18, "end": 20}),
}


@pytest.mark.parametrize("task", list(ASKED))
def test_what_the_words_get_adds_up_to_the_score_for_every_word_of_the_input(trained: Train, task: str) -> None:
    inputs, target = ASKED[task]
    answer = Explaining.load(trained(task).out / "model").predict([inputs], {"target": target})
    assert (answer["method"], answer["target"]) == ("integrated_gradients", target)
    texts = inputs if isinstance(inputs, dict) else {"text": inputs}
    for name, text in texts.items():
        places = [(each["start"], each["end"]) for each in answer["words"][name]]
        assert places == list(cut_tokens(text))
    total = sum(each["score"] for words in answer["words"].values() for each in words)
    difference = answer["score"] - answer["baseline"]
    assert total == pytest.approx(difference - answer["gap"], abs=1e-6)
    assert abs(answer["gap"]) < 0.02 * max(1.0, abs(difference))


def test_it_is_the_integral_of_the_gradient_of_the_models_own_forward(trained: Train) -> None:
    explaining = Explaining.load(trained("classification").out / "model")
    predictor = explaining.predictor
    row = predictor.task.parse("the film was good")[0]
    example = predictor.task.encode([row], predictor.tokenizer, predictor.setup).examples[0]
    places = [Place(at=at, field="text", start=at, end=at + 1) for at in range(1, len(example) - 1)]
    found = Integrated(explaining.model, steps=64).attribute(example, places, lambda logits: odds(logits, 1))
    model: Any = explaining.model
    whole = model.get_input_embeddings().weight.detach()[torch.from_numpy(example.ids).long()]
    base = whole.clone()
    base[1:-1] = model.get_input_embeddings().weight.detach()[0]
    total = torch.zeros_like(whole)
    for step in range(64):
        point = (base + (step + 0.5) / 64 * (whole - base)).requires_grad_()
        logits = model(inputs_embeds=point[None]).logits
        total += torch.autograd.grad(logits[0, 1] - logits[0, 0], point)[0]
    expected = (total / 64 * (whole - base)).sum(dim=1).numpy()
    assert found.tokens == pytest.approx(expected, abs=1e-5)
    assert found.tokens[[0, -1]] == pytest.approx(0)


def test_more_steps_are_taken_where_much_is_missing_and_none_twice(trained: Train) -> None:
    explaining = Explaining.load(trained("classification").out / "model")
    predictor = explaining.predictor
    example = predictor.task.encode([predictor.task.parse("good")[0]], predictor.tokenizer, predictor.setup).examples[0]
    places, asked, way = [Place(at=1, field="text", start=0, end=4)], [], []

    def smooth(logits: torch.Tensor) -> torch.Tensor:
        way.extend(odds(logits, 1).tolist())
        return odds(logits, 1)

    plain = Integrated(explaining.model).attribute(example, places, smooth)
    assert plain.steps == 32 and plain.is_close
    before, middle, after = way[2:][15:18]  # after the two ends of the way

    def sharp(logits: torch.Tensor) -> torch.Tensor:
        """Turns around the middle of the 17th of 32 steps, in less than one, as the score of a sure model does."""
        asked.append(len(logits))
        return torch.sigmoid(14 * (odds(logits, 1) - middle) / (after - before))

    found = Integrated(explaining.model).attribute(example, places, sharp)
    assert found.steps == 96 and found.is_close and sum(asked) == 2 + 96
    at_once = Integrated(explaining.model, steps=96).attribute(example, places, sharp)
    assert found.tokens == pytest.approx(at_once.tokens, abs=1e-4)


def test_the_model_answers_as_before_and_keeps_no_gradients(trained: Train) -> None:
    explaining = Explaining.load(trained("classification").out / "model")
    predictor = explaining.predictor
    before = predictor.predict("good film")
    explaining.predict(["good film"], {"target": {"label": "positive"}})
    assert predictor.predict("good film") == before
    assert all(weight.grad is None for weight in explaining.model.parameters())


def test_a_long_text_is_explained_in_the_window_that_decided(trained: Train) -> None:
    text = "anna lives in london . " * 30 + "anna lake lives in 北京 🙂"
    start = text.index("北京")
    answer = Explaining.load(trained("ner").out / "model").predict(
        [text], {"target": {"start": start, "end": start + 2, "label": "LOC"}}
    )
    words = answer["words"]["text"]
    assert words[0]["score"] == 0 and any(each["score"] for each in words if each["start"] >= start)


@pytest.mark.parametrize(
    ("task", "inputs", "target"),
    [
        ("classification", "good", {"label": "nonsense"}),
        ("classification", "good", {"text": 1}),
        ("ner", "anna lives", {"start": 0, "end": 99, "label": "PER"}),
        ("ner", "anna lives", {"start": 4, "end": 5, "label": "PER"}),
        ("ner", "anna lives", {"start": 0, "end": 4, "label": "nonsense"}),
        ("qa", {"question": "where", "context": "in paris"}, {"start": True, "end": "1"}),
    ],
)
def test_what_cannot_be_explained_is_refused(trained: Train, task: str, inputs: Any, target: dict[str, Any]) -> None:
    with pytest.raises(UnsuitableInput):
        Explaining.load(trained(task).out / "model").predict([inputs], {"target": target})


def test_a_token_over_several_words_is_shared_out() -> None:
    places = [Place(at=0, field="text", start=0, end=2), Place(at=1, field="text", start=2, end=3)]
    words = by_word(np.array([1.0, 0.5]), places, {"text": "北京好 x"})
    assert [each["score"] for each in words["text"]] == [0.5, 0.5, 0.5, 0.0]
