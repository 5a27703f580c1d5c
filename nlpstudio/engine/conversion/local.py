"""Check a model folder that somebody put on this machine before it is offered or loaded."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpstudio.engine.errors import BaseModelRefused

MODEL_TYPES = frozenset(
    ("albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "ernie", "modernbert", "roberta",
     "roformer", "xlm-roberta")
)  # fmt: skip
DECODERS = frozenset(("gpt2", "llama", "mistral", "qwen2", "qwen3", "gemma3_text", "smollm3"))
PAIRS = frozenset(("marian", "t5", "mt5", "bart", "mbart", "m2m_100"))
ENCODER_TASKS = ("classification", "ner", "qa", "pretraining")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spm.model", "spiece.model")
_LANGUAGE = re.compile(r"[a-z]{2,3}_(?:[A-Z]{2}|[A-Z][a-z]{3})")
_CODE = frozenset((".py", ".so", ".sh", ".dll", ".dylib"))
_HEADER_LIMIT = 100 << 20


def check(folder: Path) -> dict[str, Any]:
    """The folder's `config.json`, once it is sure that loading it runs no code of its own.

    Raises `BaseModelRefused` for a symbolic link, code, an unknown architecture, a request
    for remote code, weights that are not safetensors, or a missing tokenizer.
    """
    _refuse_links_and_code(folder)
    config = _json(folder / "config.json")
    if not tasks_of(config):
        raise BaseModelRefused(
            f"{folder.name} is of the type {config.get('model_type')!r}",
            hint=f"Known types are {', '.join(sorted(MODEL_TYPES | DECODERS | PAIRS))}.",
        )
    tokenizer = _json(folder / "tokenizer_config.json") if (folder / "tokenizer_config.json").exists() else {}
    for name, content in (("config.json", config), ("tokenizer_config.json", tokenizer)):
        if "auto_map" in content or content.get("trust_remote_code"):
            raise BaseModelRefused(f"{name} of {folder.name} asks for code of its own (auto_map)")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise BaseModelRefused(f"{folder.name} holds no tokenizer", hint=f"One of {', '.join(_TOKENIZERS)} is needed.")
    parameters(folder)
    return config


def tasks_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """What a model with this config can be fine-tuned for; nothing for a type that is not known."""
    kind = config.get("model_type")
    if kind in DECODERS:
        return ("generation",)
    if kind in PAIRS:
        return ("translation", "summarization")
    return ENCODER_TASKS if kind in MODEL_TYPES else ()


def language_codes(folder: Path) -> tuple[str, ...]:
    """The languages that the tokenizer in `folder` marks (mBART's and NLLB's), by its own codes; none for other tokenizers."""
    found: set[str] = set()
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        content = _json(folder / name) if (folder / name).is_file() else {}
        for key in ("extra_special_tokens", "additional_special_tokens"):
            given = content.get(key)
            found.update(each for each in given or () if isinstance(each, str) and _LANGUAGE.fullmatch(each))
    return tuple(sorted(found))


def parameters(folder: Path) -> int:
    """The number of values in the folder's safetensors files, read from their headers alone."""
    return sum(_values(path) for path in _weight_files(folder))


def _refuse_links_and_code(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            raise BaseModelRefused(f"{path.name} in {folder.name} is a symbolic link", hint="Copy the file itself.")
        if path.suffix in _CODE:
            raise BaseModelRefused(f"{folder.name} holds code: {path.name}", hint="Remove it; weights need none.")


def _weight_files(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    names = sorted(set(_json(index).get("weight_map", {}).values())) if index.exists() else ["model.safetensors"]
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors") or not (folder / name).is_file():
            raise BaseModelRefused(
                f"{folder.name} holds no {name}",
                hint="Weights must be safetensors; convert other files with save_pretrained first.",
            )
    return [folder / name for name in names]


def _values(path: Path) -> int:
    """Count by the header: 8 bytes of length, then JSON with the shape of each tensor."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _HEADER_LIMIT:
                raise ValueError(f"a header of {length} bytes")
            header = json.loads(file.read(length))
        tensors = [facts for name, facts in header.items() if name != "__metadata__"]
        end = max(facts["data_offsets"][1] for facts in tensors)
        if path.stat().st_size != 8 + length + end:
            raise ValueError("its size differs from what its header says")
        return sum(_product(facts["shape"]) for facts in tensors if facts["dtype"].startswith(("F", "BF")))
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BaseModelRefused(f"{path.name} is not a sound safetensors file: {error}") from error


def _product(shape: list[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaseModelRefused(f"{path.name} of {path.parent.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise BaseModelRefused(f"{path.name} of {path.parent.name} is not a JSON object")
    return content
