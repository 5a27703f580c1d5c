"""The finished model on disk (architecture 5.5): whole or not at all, loadable by plain transformers."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import tokenizers
import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.manifest import sha256_of
from nlpstudio.engine.modelcard import model_card
from nlpstudio.engine.training import durable

FORMAT = 1
WEIGHTS = "model.safetensors"
EVALUATION = "evaluation.json"


def versions() -> dict[str, str]:
    """The versions that a model's behaviour may depend on."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
        "tokenizers": str(tokenizers.__version__),
    }


def write_predictions(folder: Path, records: Mapping[str, Sequence[Mapping[str, Any]]], schema: pa.Schema) -> None:
    """Write `<split>.parquet` for each split, with one record a row of the split."""
    with durable.whole_folder(folder, {"kind": "predictions"}) as draft:
        for split, rows in records.items():
            pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), draft / f"{split}.parquet")


def write_model(
    folder: Path,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    evaluation: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> str:
    """Write the model folder and return the sha256 of its weights. `facts` go into the manifest and the model card."""
    facts = {"format": FORMAT, **facts, "versions": versions(), "created_at": datetime.now(UTC).isoformat()}
    with durable.whole_folder(folder, facts) as draft:
        model.save_pretrained(draft)
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.save_pretrained(draft)
        (draft / EVALUATION).write_text(json.dumps(evaluation, ensure_ascii=False, indent=1), encoding="utf-8")
        (draft / "README.md").write_text(model_card(facts), encoding="utf-8")
    return sha256_of(folder / WEIGHTS)
