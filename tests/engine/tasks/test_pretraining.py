"""Pre-training agrees with transformers' own losses, masks as BERT does, learns, and answers in Hugging Face's shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForPreTraining, GPT2LMHeadModel

from nlpstudio.engine import encoders
from nlpstudio.engine.events import Evaluated
from nlpstudio.engine.inference.predictor import Predictor, TorchForward
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.masking import Masking
from nlpstudio.engine.training import loop
from tests.engine.cast import corpus_rows, training
from tests.tiny import tiny_tokenizer

TASK = TASKS["pretraining"]
SPECIAL = frozenset(range(5))


def setup_of(**params: Any) -> Setup:
    shape = {"architecture": "custom", "layers": 2, "hidden_size": 32, "heads": 4, "hidden_dropout": 0.0}
    return Setup(labels=(), max_length=32, params=TrainParams(**{**shape, **params}))


@pytest.fixture
def tokenizer_folder(tmp_path: Path) -> Path:
    tiny_tokenizer().save_pretrained(tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


@pytest.mark.parametrize("objective", ["mlm_nsp", "mlm_sop", "mlm", "clm"])
def test_losses_and_gradients_are_those_of_transformers(objective: str, tokenizer_folder: Path) -> None:
    setup = setup_of(objective=objective)
    tokenizer = building.load_tokenizer(tokenizer_folder)
    torch.manual_seed(0)
    model: Any = building.build(TASK, tokenizer_folder, setup).eval()
    examples = TASK.renew(TASK.encode(corpus_rows(), tokenizer, setup).examples[:12], setup, 1)  # type: ignore[attr-defined]
    ours = TASK.loss(encoders.choose(model).logits(examples), examples, setup)
    ours.backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    model.zero_grad()
    theirs = model(**_padded(examples, objective)).loss
    theirs.backward()
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), abs=1e-5)
    others = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    for one, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def _padded(examples: list[Any], objective: str) -> dict[str, torch.Tensor]:
    shape = (len(examples), max(map(len, examples)))
    ids, mask, types = (torch.zeros(shape, dtype=torch.long) for _ in range(3))
    labels = torch.full(shape, -100)
    for row, each in enumerate(examples):
        ids[row, : len(each)] = torch.from_numpy(each.ids)
        mask[row, : len(each)] = 1
        if each.types is not None:
            types[row, : len(each)] = torch.from_numpy(each.types)
        if objective == "clm":
            labels[row, : len(each)] = torch.from_numpy(each.ids)
        else:
            labels[row, torch.from_numpy(each.places).long()] = torch.from_numpy(each.targets).long()
    inputs = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    if objective == "clm":
        return inputs
    if objective != "mlm":
        pairs = torch.tensor([each.pair for each in examples])
        inputs["next_sentence_label"] = torch.where(pairs < 0, -100, pairs)
    return {**inputs, "token_type_ids": types}


@pytest.mark.parametrize("kind", ["token", "whole_word", "span"])
def test_fifteen_of_a_hundred_are_chosen_of_which_eighty_ten_ten(kind: str) -> None:
    masking = Masking(mask_id=4, vocabulary=1000, special=SPECIAL, seed=1, kind=kind)
    random = np.random.default_rng(0)
    chosen = masked = kept = total = 0
    for number in range(400):
        ids = random.integers(5, 1000, 120).astype(np.int32)
        ids[[0, 60, 119]] = (2, 3, 3)
        begins = random.random(120) < 0.7
        changed, places, targets = masking.mask(ids, begins, epoch=0, key=(0, number))
        assert not set(places.tolist()) & {0, 60, 119}
        np.testing.assert_array_equal(ids[places], targets)
        untouched = np.setdiff1d(np.arange(120), places)
        np.testing.assert_array_equal(ids[untouched], changed[untouched])
        total += 117
        chosen += len(places)
        masked += int((changed[places] == 4).sum())
        kept += int((changed[places] == targets).sum())
    assert chosen / total == pytest.approx(0.15, abs=0.01)
    assert masked / chosen == pytest.approx(0.8, abs=0.025)
    assert kept / chosen == pytest.approx(0.1, abs=0.02)


def test_masks_are_others_each_epoch_and_the_same_under_the_same_seed() -> None:
    one = Masking(mask_id=4, vocabulary=100, special=SPECIAL, seed=1)
    other = Masking(mask_id=4, vocabulary=100, special=SPECIAL, seed=2)
    ids, begins = np.arange(5, 95, dtype=np.int32), np.ones(90, dtype=bool)
    first = one.mask(ids, begins, epoch=0, key=(0, 0))[1].tolist()
    assert first == one.mask(ids, begins, epoch=0, key=(0, 0))[1].tolist()
    assert first != one.mask(ids, begins, epoch=1, key=(0, 0))[1].tolist()
    assert first != other.mask(ids, begins, epoch=0, key=(0, 0))[1].tolist()


def test_a_whole_word_is_masked_together() -> None:
    masking = Masking(mask_id=4, vocabulary=100, special=SPECIAL, seed=1, share=0.3)
    ids = np.arange(5, 65, dtype=np.int32)
    begins = np.arange(60) % 3 == 0
    places = masking.mask(ids, begins, epoch=0, key=(0, 0))[1]
    assert all({place // 3 * 3, place // 3 * 3 + 1, place // 3 * 3 + 2} <= set(places.tolist()) for place in places)


def test_pairs_are_half_wrong_and_sequences_keep_their_bounds(tokenizer_folder: Path) -> None:
    tokenizer = building.load_tokenizer(tokenizer_folder)
    examples = TASK.encode(corpus_rows(300), tokenizer, setup_of(objective="mlm_nsp")).examples
    assert max(map(len, examples)) <= 32
    wrong = np.mean([example.pair for example in examples])
    assert 0.4 < wrong < 0.65
    for example in examples[:50]:
        assert example.originals[0] == tokenizer.cls_token_id and example.originals[-1] == tokenizer.sep_token_id
        assert (example.originals == tokenizer.sep_token_id).sum() == 2


def test_short_sequences_are_many_where_they_are_wished(tokenizer_folder: Path) -> None:
    tokenizer = building.load_tokenizer(tokenizer_folder)
    lengths = [
        np.mean(
            [len(each) for each in TASK.encode(corpus_rows(300), tokenizer, replace(setup, max_length=64)).examples]
        )
        for setup in (setup_of(objective="mlm", short_share=share) for share in (0.0, 0.9))
    ]
    assert lengths[1] < 0.7 * lengths[0]


@pytest.mark.parametrize("objective", ["mlm_nsp", "clm"])
def test_a_narrow_model_begins_with_larger_weights_than_a_wide_one(objective: str, tokenizer_folder: Path) -> None:
    spreads = []
    for width in (48, 192):
        model = building.build(TASK, tokenizer_folder, setup_of(objective=objective, hidden_size=width))
        spreads.append(float(model.get_input_embeddings().weight.detach().std()))
    assert spreads[0] == pytest.approx(2 * spreads[1], rel=0.1)


@pytest.mark.parametrize("objective", ["mlm_nsp", "clm"])
def test_it_learns_and_plain_transformers_loads_what_it_saves(
    objective: str, tokenizer_folder: Path, tmp_path: Path
) -> None:
    params = {"objective": objective, "architecture": "custom", "layers": 1, "hidden_size": 32, "heads": 2}
    more = {"epochs": 30, "learning_rate": 5e-3, "eval_steps": 3, "early_stopping": 0, "max_length": 32}
    run = training("pretraining", tokenizer_folder, tmp_path, **params, **more)
    run.samples = TASK.sampler(corpus_rows(), building.load_tokenizer(tokenizer_folder), run.setup)  # type: ignore[attr-defined]
    judged = [event for event in loop.train(run) if isinstance(event, Evaluated)]
    first, last = judged[0].metrics, judged[-1].metrics
    assert last["perplexity"] < first["perplexity"] / 3
    assert last["accuracy"] > 1.5 * last["majority_accuracy"]
    shown = judged[-1].samples[0]
    assert {"text", "continuation"} == set(shown) if objective == "clm" else len(shown["guesses"]) == 5
    run.model.save_pretrained(tmp_path / "saved")
    loader: Any = GPT2LMHeadModel if objective == "clm" else AutoModelForPreTraining
    _model, report = loader.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]


@pytest.fixture
def predictor(base_model: Path, tmp_path: Path) -> Predictor:
    run = training("pretraining", base_model, tmp_path, epochs=20, learning_rate=3e-3)
    list(loop.train(run))
    tokenizer = building.load_tokenizer(base_model)
    forward = TorchForward(run.model, run.encoder, run.hardware)
    return Predictor(task=TASK, tokenizer=tokenizer, setup=run.setup, forward=forward)


def test_gaps_pairs_and_perplexity_are_answered(predictor: Predictor) -> None:
    answer: Any = predictor.predict("we love the [MASK]")
    assert len(answer) == 5 and set(answer[0]) == {"score", "token", "token_str", "sequence"}
    assert answer[0]["sequence"] == f"we love the {answer[0]['token_str']}"
    two: Any = predictor.predict("we [MASK] the [MASK]", {"top_k": 2})
    assert [len(each) for each in two] == [2, 2]
    only: Any = predictor.predict("we love the [MASK]", {"targets": ["book", "film"]})
    assert {each["token_str"] for each in only} == {"book", "film"}
    pair: Any = predictor.predict({"text": "we love the book", "text_pair": "anna lives in paris"})
    assert sum(each["score"] for each in pair) == pytest.approx(1, abs=1e-4)
    likely: Any = predictor.predict("we love the book", {"perplexity": True})
    odd: Any = predictor.predict("book the love we", {"perplexity": True})
    assert likely["perplexity"] < odd["perplexity"] and len(likely["words"]) == 4
