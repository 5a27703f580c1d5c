"""The models of the benchmarks: real MiniLM weights from the shelf, and BERT-base's size with random weights."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, BertConfig, BertModel

from nlpstudio.engine import shelf

ON_THE_SHELF = {"minilm": "all-minilm-l6-v2", "e5-zh": "e5-small-zh-en", "e5-zhchar": "e5-small-zhchar-en"}
RANDOM = "bert-base"


def folder_of(name: str) -> Path:
    """The folder of a model, fetched or made when it is not there yet."""
    if name in ON_THE_SHELF:
        return shelf.fetch(ON_THE_SHELF[name])
    if name != RANDOM:
        raise KeyError(name)
    target = Path(os.environ.get("STUDIO_HOME") or "var").absolute() / "bench" / "bert-base-random"
    if not target.exists():
        _make_random(target)
    return target


def _make_random(target: Path) -> None:
    """BERT-base as it is before pre-training, with MiniLM's tokenizer (which is BERT's own)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=target.parent))
    torch.manual_seed(0)
    BertModel(BertConfig()).save_pretrained(draft)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(folder_of("minilm") / name, draft / name)
    draft.rename(target)


def flops_per_token(folder: Path, mean_length: float, *, first_only: bool = False) -> float:
    """Floating-point operations of the encoder for one real token, forward and backward (three forwards).

    `mean_length` is that of the sequence a token stands in. With `first_only` the last layer counts only what a head
    on the first token needs: keys and values of all tokens.
    """
    config: Any = AutoConfig.from_pretrained(folder, local_files_only=True)
    hidden, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    layer = 2 * (4 * hidden**2 + 2 * hidden * inner) + 4 * mean_length * hidden
    left_out = 2 * (2 * hidden**2 + 2 * hidden * inner) + 4 * mean_length * hidden if first_only else 0.0
    return float(3 * (layers * layer - left_out))
