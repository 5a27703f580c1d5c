"""The pace that matrix products alone would allow, and what a token costs to learn from."""

from __future__ import annotations

import numpy as np
import torch
from transformers import BertConfig, BertForMaskedLM, GPT2Config, GPT2LMHeadModel

from nlpstudio.engine.training import ceiling
from tests.engine.cast import CPU

LENGTHS = np.full(10, 16, dtype=np.int64)


class Guessed:
    """An example of so many tokens, one in four of them to be guessed."""

    targets = (1, 2, 3, 4)

    def __len__(self) -> int:
        return 16


def masked() -> BertForMaskedLM:
    shape = BertConfig(vocab_size=500, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96)
    return BertForMaskedLM(shape)


def test_operations_are_those_of_the_matrices_forward_and_backward() -> None:
    layers = 2 * (4 * 32 * 32 + 2 * 32 * 96)
    attention = 4 * 16 * 32 * 2
    head = 500 * 32 + 32 * 32
    assert ceiling.operations(masked(), LENGTHS, 0.25) == 3 * (2 * layers + attention + 0.25 * 2 * head)


def test_a_decoder_looks_back_alone() -> None:
    decoder = GPT2LMHeadModel(GPT2Config(vocab_size=500, n_embd=32, n_layer=2, n_head=2, n_positions=64))
    layers, attention = 2 * 12 * 32 * 32, 2 * 16 * 32 * 2
    assert ceiling.operations(decoder, LENGTHS, 1.0) == 3 * (2 * layers + attention + 2 * 500 * 32)


def test_the_device_s_own_products_set_the_pace_and_chance_stays_as_it_was() -> None:
    before = torch.get_rng_state()
    model = masked()
    torch.set_rng_state(before)
    pace = ceiling.tokens_per_s(model, [Guessed()] * 10, LENGTHS, CPU)
    assert torch.equal(torch.get_rng_state(), before)
    shape = {"hidden": 32, "feed_forward": 96}
    expected = ceiling.operations_a_second(shape, CPU) / ceiling.operations(model, LENGTHS, 0.25)
    assert 0.05 < pace / expected < 20  # both measured, on a machine that may be busy
    next(model.parameters()).requires_grad_(False)
    assert ceiling.tokens_per_s(model, [Guessed()] * 10, LENGTHS, CPU) == 0.0
