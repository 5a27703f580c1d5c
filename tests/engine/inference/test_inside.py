"""What the page about a model's inside shows are the numbers of the model itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertForMaskedLM, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel, PreTrainedModel

from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference import inside
from nlpstudio.engine.tasks import building
from tests.tiny import tiny_tokenizer

TEXT = "we love the film"


def masked(base_model: Path) -> PreTrainedModel:
    return BertForMaskedLM.from_pretrained(base_model).eval()


def test_attention_logits_and_embeddings_are_the_models_own(base_model: Path) -> None:
    model, tokenizer = masked(base_model), building.load_tokenizer(base_model)
    before = model.config._attn_implementation
    found = inside.look(model, tokenizer, f"{TEXT} [MASK]")
    assert model.config._attn_implementation == before
    assert [each["text"] for each in found["tokens"][1:5]] == TEXT.split()
    sizes = found["shape"]
    assert (len(found["attention"]), len(found["attention"][0])) == (sizes["layers"], sizes["heads"])
    for row in found["attention"][0][0]:
        assert sum(row) == pytest.approx(1, abs=0.02)
    with torch.inference_mode():
        inputs: Any = tokenizer(f"{TEXT} [MASK]", return_tensors="pt")
        logits = model(**inputs).logits[0, 5]
        word = model.base_model.embeddings.word_embeddings(inputs["input_ids"])[0]
    assert found["logits"]["values"][0]["logit"] == pytest.approx(float(logits.max()), abs=2e-3)
    assert found["norms"]["word"] == pytest.approx(word.norm(dim=-1).tolist(), abs=2e-3)


def test_parameters_add_up_to_the_models(base_model: Path) -> None:
    model = masked(base_model)
    parts = inside.parts(model, 10)
    assert sum(part["parameters"] for part in parts) == sum(parameter.numel() for parameter in model.parameters())
    by_name = {part["name"]: part for part in parts}
    hidden, layers = model.config.hidden_size, model.config.num_hidden_layers
    matrices = 2 * 10 * 4 * hidden * hidden * layers
    assert by_name["attention"]["flops"] == matrices + 4 * 10 * 10 * hidden * layers


def test_classifiers_and_decoders_are_seen_too(base_model: Path) -> None:
    tokenizer = tiny_tokenizer()
    classifier = BertForSequenceClassification.from_pretrained(base_model, num_labels=2).eval()
    found = inside.look(classifier, tokenizer, TEXT)
    assert found["logits"]["of"] == "text" and len(found["logits"]["values"]) == 2
    decoder = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=2, n_head=2, n_positions=64)
    ).eval()
    found = inside.look(decoder, tokenizer, TEXT)
    assert found["shape"]["kind"] == "decoder"
    first = found["attention"][0][0][0]
    assert first[0] == 1.0 and not any(first[1:])


def test_nothing_is_not_looked_at(base_model: Path) -> None:
    with pytest.raises(UnsuitableInput):
        inside.look(masked(base_model), building.load_tokenizer(base_model), " ")
