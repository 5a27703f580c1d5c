"""Every family and head: the packed forward equals the Hugging Face forward in value and gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from nlpstudio.engine.encoders import Example, PackedEncoder, PaddedEncoder, choose
from nlpstudio.engine.encoders.families import FAMILIES

HEADS = {
    "classification": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "answers": AutoModelForQuestionAnswering,
}
VOCABULARY, HIDDEN = 50, 24
BERT_SIZES = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40}
SIZES = {"distilbert": {"dim": HIDDEN, "n_layers": 2, "n_heads": 4, "hidden_dim": 40}}
EXTRA = {"electra": {"embedding_size": 12}, "ernie": {"use_task_id": True, "task_type_vocab_size": 3}}


def model_of(family: str, head: str) -> PreTrainedModel:
    torch.manual_seed(0)
    sizes = SIZES.get(family, BERT_SIZES)
    labels = {} if head == "answers" else {"num_labels": 3}
    config = AutoConfig.for_model(
        family, vocab_size=VOCABULARY, max_position_embeddings=40, pad_token_id=1, **labels, **sizes, **EXTRA.get(family, {})
    )  # fmt: skip
    model: PreTrainedModel = HEADS[head].from_config(config)
    with torch.no_grad():  # zero biases and unit norms would hide a forgotten one
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def examples_of(family: str, lengths: tuple[int, ...] = (3, 5, 5, 9, 14, 20, 33)) -> list[Example]:
    random = np.random.default_rng(0)
    two_types = family not in ("distilbert", "roberta", "xlm-roberta", "camembert")
    return [
        Example(
            ids=random.integers(0, VOCABULARY, length).astype(np.int32),  # may hold the padding id: texts can
            types=(np.arange(length) > length // 2).astype(np.int32) if two_types else None,
        )
        for length in lengths
    ]


def gradients(model: PreTrainedModel, logits: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    (logits * torch.sin(torch.arange(logits.numel()).view_as(logits))).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def without_dropout(model: PreTrainedModel) -> PreTrainedModel:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model.train()


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_equals_hugging_face_in_logits_and_gradients(family: str, head: str, mode: str) -> None:
    model, examples = model_of(family, head), examples_of(family)
    packed = choose(model)
    assert isinstance(packed, PackedEncoder)
    if mode == "train":
        without_dropout(model)
        packed.hidden_dropout = packed.attention_dropout = 0.0
    ours, theirs = packed.logits(examples), PaddedEncoder(model).logits(examples)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    expected, found = gradients(model, theirs), gradients(model, packed.logits(examples))
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        scale = max(gradient.abs().max().item(), 1e-3)
        assert (found[name] - gradient).abs().max().item() / scale < 1e-4, name


@pytest.mark.parametrize("lengths", [(7,), (6, 6, 6), (2, 30), (30, 2, 11)])
def test_any_mix_and_order_of_lengths_is_packed_right(lengths: tuple[int, ...]) -> None:
    model, examples = model_of("bert", "tokens"), examples_of("bert", lengths)
    torch.testing.assert_close(choose(model).logits(examples), PaddedEncoder(model).logits(examples), atol=1e-5, rtol=0)


def test_half_precision_stays_near_and_gives_every_gradient() -> None:
    model, examples = model_of("bert", "classification"), examples_of("bert")
    exact = choose(model).logits(examples)
    expected = gradients(model, exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = choose(model).logits(examples).float()
    torch.testing.assert_close(rough, exact, atol=0.1, rtol=0.05)
    assert gradients(model, rough).keys() == expected.keys()


def test_other_architectures_take_the_ordinary_forward() -> None:
    config = AutoConfig.for_model(
        "mpnet", vocab_size=VOCABULARY, max_position_embeddings=40, num_labels=3, **BERT_SIZES
    )
    model = AutoModelForSequenceClassification.from_config(config).eval()
    encoder = choose(model)
    assert encoder.path == "padded"
    alone = torch.cat([encoder.logits([example]) for example in examples_of("roberta")])
    torch.testing.assert_close(encoder.logits(examples_of("roberta")), alone, atol=1e-5, rtol=0)
