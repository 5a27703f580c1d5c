"""Tiny real models and data, built in process: small enough to train in a second, whole enough to behave like any other."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# fmt: off
ENGLISH = (
    "good", "bad", "great", "awful", "nice", "poor", "fine", "dull", "the", "a", "is", "was", "this", "that",
    "very", "not", "film", "book", "meal", "it", "i", "we", "and", "love", "hate", "paris", "london", "anna",
    "lives", "in", "works", "at", "who", "where", "what", "lake", "river", "spam", "free", "call", "now",
)
# fmt: on
CHINESE = "好坏很不错差的了是我他她你们书电影酒店房间服务喜欢讨厌太真有没人在北京上海住工作谁哪里什么一二三四五这那个也都和，。！？"
POSITIONS = 128


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer that can spell any ASCII word and knows a few English words and Chinese characters."""
    signs = [c for c in string.printable if not c.isspace() and not c.isupper()]
    pieces = [*SPECIAL, *signs, *(f"##{c}" for c in signs), *ENGLISH, *CHINESE]
    vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=POSITIONS,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def tiny_base_model(folder: Path, *, seed: int = 0, hidden_size: int = 32, layers: int = 2) -> Path:
    """Write a random BERT with its tokenizer into `folder`, as a base model of the shelf lies there, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * hidden_size,
        max_position_embeddings=POSITIONS,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def sentiment_lines(count: int = 64) -> list[tuple[str, str]]:
    """`(text, label)` pairs in English and Chinese that a tiny model learns in a few steps."""
    frames = (
        "the film was {}",
        "this book is very {}",
        "{} meal",
        "i think it is {} and we",
        "这家酒店{}",
        "服务很{}，房间",
    )
    words = {"positive": ("good", "great", "nice", "好", "喜欢"), "negative": ("bad", "awful", "poor", "差", "讨厌")}
    lines: list[tuple[str, str]] = []
    for index in range(count):
        label = ("positive", "negative")[index % 2]
        word = words[label][(index // 2) % 5]
        lines.append((frames[(index // 3) % len(frames)].format(word) + "." * (index % 4), label))
    return lines


def write_sentiment_tsv(path: Path, count: int = 64, *, header: bool = True) -> Path:
    """Write `sentiment_lines` as `text⇥label` and return the path."""
    rows = [*([("text", "label")] if header else []), *sentiment_lines(count)]
    path.write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    return path
