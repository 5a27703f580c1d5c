"""Tokenised splits kept by what they were made of: the same data, tokenizer, length and task are tokenised once.

An entry is a folder with a manifest, so a torn or damaged one is not used but made anew. The folder `token-cache` of
`STUDIO_HOME` holds at most `MOST_BYTES`; what was not used for longest goes first. Without `STUDIO_HOME` nothing is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tokenizers
import transformers
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from transformers import PreTrainedTokenizerBase

from nlpstudio.engine import manifest
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.errors import DamagedArtifact, DiskFull
from nlpstudio.engine.tasks.base import AnyTask, Setup
from nlpstudio.engine.training import durable, example_columns

MOST_BYTES = 2 << 30
ARRAYS, FACTS = "examples.safetensors", "facts.json"
NOT_OF_TOKENS = frozenset(
    [
        "epochs",
        "learning_rate",
        "batch_size",
        "early_stopping",
        "micro_batch",
        "weight_decay",
        "warmup_ratio",
        "schedule",
        "max_grad_norm",
        "label_smoothing",
        "class_weights",
        "attention_dropout",
        "freeze_embeddings",
        "freeze_layers",
        "layer_decay",
        "lora_rank",
        "lora_alpha",
        "lora_dropout",
        "threads",
        "devices",
        "max_length",
    ]
)
"""The settings that `Task.encode` must not read (the length is in the key as the model takes it). All others count; the
seed does unless the task says that it encodes without chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenised:
    """The examples of a split; `count` rows, of which `truncated` were cut short, with the hash of their ids."""

    examples: list[Example]
    count: int
    truncated: int
    ids_sha256: str


def key(*, fingerprint: str, split: str, task: AnyTask, tokenizer: PreTrainedTokenizerBase, setup: Setup) -> str:
    """What the examples of a split follow from, as one hash."""
    left_out = NOT_OF_TOKENS | (set() if getattr(task, "encodes_by_chance", True) else {"seed"})
    params = {name: value for name, value in setup.params.to_json().items() if name not in left_out}
    parts = {
        "fingerprint": fingerprint,
        "split": split,
        "task": task.name,
        "tokenizer": tokenizer.backend_tokenizer.to_str(),
        "inputs": list(tokenizer.model_input_names),
        "special": {name: str(value) for name, value in tokenizer.special_tokens_map.items()},
        "labels": list(setup.labels),
        "max_length": setup.max_length,
        "multilabel": setup.multilabel,
        "params": params,
        "code": _code(),
        "versions": [str(tokenizers.__version__), str(transformers.__version__)],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def load(name: str) -> Tokenised | None:
    """What is kept under the key, or None when nothing whole is."""
    folder = _folder(name)
    if folder is None or not folder.is_dir():
        return None
    try:
        manifest.verify(folder)
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        examples = example_columns.from_arrays(load_file(folder / ARRAYS), facts.pop("columns"))
        os.utime(folder)
        return Tokenised(examples=examples, **facts)
    except (DamagedArtifact, OSError, ValueError, KeyError, TypeError, IndexError, SafetensorError):
        return None


def save(name: str, tokenised: Tokenised) -> None:
    """Keep the examples. A split that cannot be kept (its fields, the disk) is tokenised again next time."""
    folder = _folder(name)
    if folder is None or not tokenised.examples:
        return
    try:
        arrays, columns = example_columns.to_arrays(tokenised.examples)
    except example_columns.Unsuitable:
        return
    if sum(array.nbytes for array in arrays.values()) > MOST_BYTES // 2:
        return
    facts = {"count": tokenised.count, "truncated": tokenised.truncated, "ids_sha256": tokenised.ids_sha256}
    with suppress(DiskFull, OSError):
        with durable.whole_folder(folder, {"kind": "tokens"}) as draft:
            save_file(arrays, draft / ARRAYS)
            (draft / FACTS).write_text(json.dumps({**facts, "columns": columns}), encoding="utf-8")
        _prune(folder.parent, keep=folder)


def _prune(root: Path, *, keep: Path) -> None:
    """Drop what was not used for longest until the rest fits."""
    found: list[tuple[float, int, Path]] = []
    for folder in root.iterdir():
        with suppress(OSError):
            size = sum(path.stat().st_size for path in folder.iterdir())
            found.append((folder.stat().st_mtime, size, folder))
    total = sum(size for _, size, _ in found)
    for _, size, folder in sorted(found):
        if total <= MOST_BYTES:
            return
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _folder(name: str) -> Path | None:
    home = os.environ.get("STUDIO_HOME")
    return Path(home).absolute() / "token-cache" / name if home else None


@cache
def _code() -> str:
    """A hash of the modules that make examples: another version of the program tokenises anew."""
    engine, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    files: Sequence[Path] = sorted(
        path for part in ("tasks", "data", "encoders") for path in (engine / part).rglob("*.py")
    )
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()
