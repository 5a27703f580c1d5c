"""Making and loading an encoder with a decoder: a random one of a chosen shape, or a base model trained further."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForSeq2SeqLM, MarianConfig, MarianMTModel, PreTrainedModel

from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.tasks import building, languages
from nlpstudio.engine.tasks.base import Setup


def build(folder: Path, setup: Setup) -> PreTrainedModel:
    """With the weights in `folder`, or with random ones when it holds a tokenizer alone.

    Raises `InvalidSpec` for a shape that cannot be and `BaseModelRefused` for weights that were never trained to write.
    """
    if not building.has_weights(folder):
        return _fresh(folder, setup)
    config = building.read_config(folder)
    dropouts = {key: setup.params.attention_dropout for key in building.ATTENTION_DROPOUTS if hasattr(config, key)}
    model = building.load_with(AutoModelForSeq2SeqLM, folder, has_head=False, **dropouts)
    tokenizer = building.load_tokenizer(folder)
    languages.choose(tokenizer, setup.params)
    languages.settle(model, tokenizer)
    return model


def _fresh(folder: Path, setup: Setup) -> PreTrainedModel:
    """The Transformer of Vaswani et al. 2017 (arXiv:1706.03762) in Marian's form: one matrix of embeddings for both sides and
    the output, sines for positions, norms after each part. The decoder starts from the padding token."""
    tokenizer: Any = building.load_tokenizer(folder)
    layers, hidden, heads = setup.params.shape
    if hidden % heads:
        raise InvalidSpec(f"hidden_size is {hidden}, which {heads} heads cannot share evenly")
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=hidden,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=4 * hidden,
        decoder_ffn_dim=4 * hidden,
        max_position_embeddings=setup.max_length,
        activation_function="relu",
        dropout=setup.params.hidden_dropout,
        attention_dropout=setup.params.attention_dropout,
        activation_dropout=0.0,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=None,
    )
    return MarianMTModel(config)
