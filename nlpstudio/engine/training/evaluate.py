"""Logits and scores of a whole split: sorted by length, a bounded number of tokens at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.encoders.example import Encoder, Example
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.tasks.base import AnyTask, Report, Setup
from nlpstudio.engine.training import batches


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The rows of a split and the examples made from them."""

    name: str
    rows: Sequence[Row]
    examples: Sequence[Example]


def logits_of(
    encoder: Encoder, model: PreTrainedModel, examples: Sequence[Example], hardware: Hardware, *, most_tokens: int = 0
) -> list[NDArray[np.float32]]:
    """The logits of each example, in order: [outputs], or [tokens, outputs]. Leaves the model's mode as it was.

    At most `most_tokens` are computed at once (0 = as many as suit the device).
    """
    lengths = np.array([len(example) for example in examples])
    most = most_tokens or batches.TOKENS_AT_ONCE_FORWARD[hardware.device.type]
    pieces = batches.micro_batches(range(len(examples)), lengths, most_tokens=most, padded=encoder.path == "padded")
    found: list[Any] = [None] * len(examples)
    was_training = model.training
    model.eval()
    try:
        for piece in pieces:
            with torch.inference_mode(), hardware.autocast():
                output = encoder.logits([examples[i] for i in piece]).float().cpu().numpy()
            for index, part in zip(piece, _parts(output, lengths[piece]), strict=True):
                found[index] = part
    finally:
        model.train(was_training)
    return found


def predict(
    task: AnyTask,
    encoder: Encoder,
    model: PreTrainedModel,
    split: Split,
    setup: Setup,
    hardware: Hardware,
    *,
    most_tokens: int = 0,
) -> list[Any]:
    """The task's prediction of each row of `split`."""
    logits = logits_of(encoder, model, split.examples, hardware, most_tokens=most_tokens)
    return task.decode(split.rows, split.examples, logits, setup)


def score(
    task: AnyTask,
    encoder: Encoder,
    model: PreTrainedModel,
    split: Split,
    setup: Setup,
    hardware: Hardware,
    *,
    most_tokens: int = 0,
) -> Report:
    """The scores of `split` under the model as it is now."""
    predictions = predict(task, encoder, model, split, setup, hardware, most_tokens=most_tokens)
    return task.score(split.rows, predictions, setup)


def _parts(output: NDArray[np.float32], lengths: NDArray[np.int64]) -> list[NDArray[np.float32]]:
    """One row a row of a classifier's output; the tokens of each example else (which has two tokens at least)."""
    if len(output) == len(lengths):
        return [row.copy() for row in output]
    bounds = accumulate((int(length) for length in lengths), initial=0)
    return [output[begin:end].copy() for begin, end in pairwise(bounds)]
