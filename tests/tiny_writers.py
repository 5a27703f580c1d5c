"""Tiny random models that write: a decoder as Llama, and an encoder with a decoder as Marian."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from tests.tiny import POSITIONS, tiny_base_model, tiny_tokenizer


def writing_tokenizer() -> PreTrainedTokenizerFast:
    """The tiny tokenizer with a beginning and an end of text."""
    tokenizer = tiny_tokenizer()
    tokenizer.bos_token, tokenizer.eos_token = "[CLS]", "[SEP]"
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return tokenizer


def tiny_decoder(folder: Path, *, seed: int = 0, hidden_size: int = 64, positions: int = POSITIONS) -> Path:
    """A random Llama with tied embeddings."""
    tokenizer = writing_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=positions,
        tie_word_embeddings=True,
        initializer_range=0.1,  # learns in a few steps
        **_ids(tokenizer),
    )
    return _saved(folder, LlamaForCausalLM, config, tokenizer, seed)


def tiny_pair_model(folder: Path, *, seed: int = 0, hidden_size: int = 64) -> Path:
    """A random Marian with shared embeddings."""
    tokenizer = writing_tokenizer()
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=hidden_size,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=2 * hidden_size,
        decoder_ffn_dim=2 * hidden_size,
        max_position_embeddings=POSITIONS,
        decoder_start_token_id=tokenizer.pad_token_id,
        dropout=0.0,
        scale_embedding=True,
        init_std=0.1,  # learns in a few steps
        forced_eos_token_id=None,
        **_ids(tokenizer),
    )
    return _saved(folder, MarianMTModel, config, tokenizer, seed)


def base_model_for(task: str, folder: Path) -> Path:
    """A base model that can do `task`, written below `folder` on first use."""
    makers = {"generation": tiny_decoder, "translation": tiny_pair_model, "summarization": tiny_pair_model}
    make = makers.get(task, tiny_base_model)
    place = folder / make.__name__
    return place if place.is_dir() else make(place)


def _ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}


def _saved(folder: Path, kind: Any, config: Any, tokenizer: PreTrainedTokenizerFast, seed: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind(config).save_pretrained(folder)
    tokenizer.model_max_length = config.max_position_embeddings
    tokenizer.save_pretrained(folder)
    return folder
