"""The forward passes: packed for the families of the table, padded for any other architecture."""

from __future__ import annotations

from transformers import PreTrainedModel

from nlpstudio.engine.encoders import pretraining
from nlpstudio.engine.encoders.example import Encoder, Example
from nlpstudio.engine.encoders.packed import PackedEncoder, supports
from nlpstudio.engine.encoders.padded import PaddedEncoder

__all__ = ["Encoder", "Example", "PackedEncoder", "PaddedEncoder", "choose"]


def choose(model: PreTrainedModel, *, seed: int = 0) -> Encoder:
    """The fastest exact encoder for `model`."""
    if pretraining.supports(model):
        return pretraining.choose(model, seed=seed)
    return PackedEncoder(model, seed=seed) if supports(model) else PaddedEncoder(model)
