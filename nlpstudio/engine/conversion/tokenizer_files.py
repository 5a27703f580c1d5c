"""The tokenizer files of a converted model: cut to a vocabulary, freed of padding, checked."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from nlpstudio.engine.errors import BaseModelRefused

BERT_SPECIALS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
XLMR_SPECIALS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "mask_token": "<mask>",
}


def kept_ids(vocabulary: str) -> list[int]:
    """The ids of the full vocabulary that the named cut keeps, ascending."""
    packed = resources.files("nlpstudio.engine.conversion").joinpath("kept_ids", f"{vocabulary}.txt.gz").read_bytes()
    return [int(line) for line in gzip.decompress(packed).split()]


def read(path: Path) -> dict[str, Any]:
    """The content of a `tokenizer.json`. Raises `BaseModelRefused` when it is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BaseModelRefused(f"{path.name} is not JSON: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise BaseModelRefused(f"{path.name} does not describe a tokenizer")
    return content


def cut(content: dict[str, Any], keep: Sequence[int]) -> dict[str, Any]:
    """The Unigram tokenizer `content` with only the pieces `keep`, renumbered from 0 in their order."""
    model, new = content["model"], {old: place for place, old in enumerate(keep)}
    added = [{**token, "id": new[token["id"]]} for token in content["added_tokens"]]
    processor = content["post_processor"]
    specials = {
        name: {**special, "ids": [new[old] for old in special["ids"]]}
        for name, special in processor["special_tokens"].items()
    }
    return {
        **content,
        "added_tokens": added,
        "post_processor": {**processor, "special_tokens": specials},
        "model": {**model, "vocab": [model["vocab"][old] for old in keep], "unk_id": new[model["unk_id"]]},
    }


def write(folder: Path, content: dict[str, Any], *, kind: str, max_length: int) -> int:
    """Write `tokenizer.json` and `tokenizer_config.json` and return the number of tokens.

    Truncation and padding that were saved with the tokenizer are dropped (all-MiniLM-L6-v2
    pads every text to 128 tokens): who encodes decides. `kind` is `bert` or `xlm-roberta`.
    The cut vocabularies are no longer what transformers' XLM-R class expects, so that one is
    loaded by the class that takes `tokenizer.json` as it is; it has no token types.
    """
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({**content, "truncation": None, "padding": None}, ensure_ascii=False), encoding="utf-8")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust binding raises bare Exception
        raise BaseModelRefused(f"the tokenizer cannot be loaded: {error}") from error
    config: dict[str, Any] = {"model_max_length": max_length, "clean_up_tokenization_spaces": False}
    if kind == "bert":
        config |= {**BERT_SPECIALS, "tokenizer_class": "BertTokenizer", "do_lower_case": True}
    else:
        config |= {**XLMR_SPECIALS, "tokenizer_class": "PreTrainedTokenizerFast"}
        config["model_input_names"] = ["input_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return tokenizer.get_vocab_size()
