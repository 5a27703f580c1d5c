"""Tiny random models that write: a decoder as Llama, and an encoder with a decoder as Marian, T5, BART and mBART."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import pre_tokenizers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BartTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    MarianConfig,
    MarianMTModel,
    MBart50Tokenizer,
    MBartConfig,
    MBartForConditionalGeneration,
    MBartTokenizer,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    T5Tokenizer,
)

from tests.tiny import CHINESE, ENGLISH, POSITIONS, tiny_base_model, tiny_tokenizer


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


def tiny_t5(folder: Path, *, seed: int = 0) -> Path:
    """A random T5: relative positions, no start of its own but the padding token."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *_pieces()]
    tokenizer = T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=POSITIONS)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, dropout_rate=0.0,
        decoder_start_token_id=0, feed_forward_proj="gated-gelu",
    )  # fmt: skip
    return _saved(folder, T5ForConditionalGeneration, config, tokenizer, seed)


def tiny_bart(folder: Path, *, seed: int = 0) -> Path:
    """A random BART: learned positions, a start before each text."""
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {sign: at for at, sign in enumerate(["<s>", "<pad>", "</s>", "<unk>", *signs, "<mask>"])}
    tokenizer = BartTokenizer(vocab=vocabulary, merges=[], model_max_length=POSITIONS)
    return _saved(
        folder, BartForConditionalGeneration, BartConfig(**_of_bart(tokenizer), forced_bos_token_id=0), tokenizer, seed
    )


def tiny_mbart(folder: Path, *, seed: int = 0, version: int = 50) -> Path:
    """A random mBART, whose tokenizer marks languages before the text (version 50) or behind its end (25)."""
    kind = MBart50Tokenizer if version == 50 else MBartTokenizer
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *_pieces()]
    marks = [(code, 0.0) for code in ("en_XX", "zh_CN")]
    tokenizer = kind(vocab=[*pieces, *marks, ("<mask>", 0.0)], model_max_length=POSITIONS)
    start = {"decoder_start_token_id": 2} if version == 50 else {}
    config = MBartConfig(**_of_bart(tokenizer), scale_embedding=True, **start)
    return _saved(folder, MBartForConditionalGeneration, config, tokenizer, seed)


def _of_bart(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer), "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "dropout": 0.0,
        "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128,
        "max_position_embeddings": POSITIONS, "init_std": 0.1, "forced_eos_token_id": None,
    }  # fmt: skip


def _pieces() -> list[tuple[str, float]]:
    """Unigram pieces: the words of the tiny tokenizer with and without a blank before, its Chinese characters, and letters."""
    words = [f"▁{word}" for word in ENGLISH]
    signs = ["▁", *string.ascii_lowercase, *string.digits, *CHINESE]
    return [(piece, -5.0 - (len(piece) == 1) * 5) for piece in dict.fromkeys([*words, *signs])]


PAIR_FAMILIES: Mapping[str, Callable[[Path], Path]] = {
    "t5": tiny_t5,
    "bart": tiny_bart,
    "mbart": partial(tiny_mbart, version=25),
    "mbart50": tiny_mbart,
}


def base_model_for(task: str, folder: Path) -> Path:
    """A base model that can do `task`, written below `folder` on first use."""
    makers = {"generation": tiny_decoder, "translation": tiny_pair_model, "summarization": tiny_pair_model}
    make = makers.get(task, tiny_base_model)
    place = folder / make.__name__
    return place if place.is_dir() else make(place)


def _ids(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    return {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}


def _saved(folder: Path, kind: Any, config: Any, tokenizer: PreTrainedTokenizerBase, seed: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        kind(config).save_pretrained(folder)
    tokenizer.model_max_length = getattr(config, "max_position_embeddings", POSITIONS)
    tokenizer.save_pretrained(folder)
    return folder
