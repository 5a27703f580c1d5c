"""Whether plain transformers and plain onnxruntime, without a line of ours, give one prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer

from nlpstudio.engine.errors import EngineError

LARGEST_DIFFERENCE = 1e-3
"""Of logits, which are of the order of 1 to 10; fp32 leaves about 1e-5."""


class AnswersDiffer(EngineError):
    """What was exported does not predict what the model does."""

    code = "export.differs"


def plain_onnx(artifact: Path, graph: Path, model_class: Any, inputs: Sequence[Mapping[str, str]]) -> float:
    """The largest difference of logits between the folder in transformers and the graph in onnxruntime.

    `inputs` are texts by the names of the task's columns, in order. Raises `AnswersDiffer`.
    """
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    names = {each.name for each in session.get_inputs()}
    largest = 0.0
    for given, expected in zip(inputs, plain_logits(artifact, model_class, inputs), strict=True):
        encoded = _tokenized(artifact, given, "np")
        got = session.run(None, {name: encoded[name].astype(np.int64) for name in names})
        for mine, plain in zip(got, expected, strict=True):
            largest = max(largest, float(np.abs(mine - plain).max()))
            if largest > LARGEST_DIFFERENCE or (mine.argmax(-1) != plain.argmax(-1)).any():
                raise AnswersDiffer(f"{graph.name} gives logits that differ by {largest:.2g} from the model's")
    return largest


def plain_logits(
    artifact: Path, model_class: Any, inputs: Sequence[Mapping[str, str]]
) -> list[list[NDArray[np.float32]]]:
    """What the folder answers when it is loaded by transformers alone: the logits of each input."""
    model = model_class.from_pretrained(artifact, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    model.eval()
    found = []
    for given in inputs:
        with torch.inference_mode():
            outputs = model(**_tokenized(artifact, given, "pt"))
        keys = ("start_logits", "end_logits") if "start_logits" in outputs else ("logits",)
        found.append([outputs[key].numpy() for key in keys])
    return found


def same(mine: Sequence[Sequence[NDArray[Any]]], other: Sequence[Sequence[NDArray[Any]]]) -> bool:
    """Whether two folders answer alike."""
    return all(
        np.allclose(a, b, atol=LARGEST_DIFFERENCE)
        for first, second in zip(mine, other, strict=True)
        for a, b in zip(first, second, strict=True)
    )


def _tokenized(artifact: Path, given: Mapping[str, str], kind: str) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(artifact, local_files_only=True)
    most = min(tokenizer.model_max_length, 512)
    return tokenizer(*given.values(), truncation=True, max_length=most, return_tensors=kind)
