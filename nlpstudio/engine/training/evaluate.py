"""Logits and scores of a whole split: sorted by length, a bounded number of tokens at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.encoders.example import Encoder, Example
from nlpstudio.engine.encoders.writing import Writer
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.pulse import PULSE
from nlpstudio.engine.tasks.base import AnyTask, Report, Setup
from nlpstudio.engine.tasks.writing import Written, as_writing
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
    """The encoder's verdict on each example, in order: mostly its logits. Leaves the model's mode as it was.

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
                given = [examples[i] for i in piece]
                verdicts = encoder.verdicts(encoder.logits(given).float(), given)
            for index, verdict in zip(piece, verdicts, strict=True):
                found[index] = verdict
            PULSE.beat()
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
    written: int = 0,
) -> list[Any]:
    """The task's prediction of each row of `split`. Of a task that writes, the first `written` rows are written too."""
    logits = logits_of(encoder, model, split.examples, hardware, most_tokens=most_tokens)
    predictions = task.decode(split.rows, split.examples, logits, setup)
    if written and isinstance(encoder, Writer):
        return with_texts(task, encoder, split.rows[:written], predictions, setup)
    return predictions


def with_texts(
    task: AnyTask, writer: Writer, rows: Sequence[Row], predictions: Sequence[Written], setup: Setup
) -> list[Any]:
    """The same with what the model itself writes for `rows`, the first of those that were judged."""
    texts = write(task, writer, rows, setup)
    told = [
        replace(text, loss=known.loss, tokens=known.tokens, hits=known.hits)
        for text, known in zip(texts, predictions, strict=False)
    ]
    return [*told, *predictions[len(told) :]]


def write(task: AnyTask, writer: Writer, rows: Sequence[Row], setup: Setup) -> list[Written]:
    """What the model itself writes for each row. Leaves its mode as it was."""
    was_training = writer.model.training
    writer.model.eval()
    try:
        found: list[Written] = as_writing(task).write(writer, rows, setup)
    finally:
        writer.model.train(was_training)
    return found


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
