"""A whole fine-tune as transformers' example scripts do it (run_classification, run_ner, run_qa), to the predictions.

Written anew from what those scripts set: Trainer with AdamW at 5e-5, linear decay without warm-up, no weight decay,
the last weights; a word's tag on its first piece; answers of at most 30 pieces from the 20 best starts and ends of
every window. Padding is dynamic, which changes no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase

from bench.training import models, peers
from bench.training.data import Rows
from bench.training.features import encode
from bench.training.setting import DOC_STRIDE
from bench.training.task_sets import TaskSet
from nlpstudio.engine.tasks import building

Logits = NDArray[np.float32]
BATCH = 16
BEST = 20
LONGEST_ANSWER = 30


def predict(wanted: TaskSet, rows: Rows, seed: int) -> list[Any]:
    """A label, the tags of all words, or an answer for each held-out row."""
    folder = models.folder_of(wanted.model)
    tokenizer = building.load_tokenizer(folder)
    model = peers.build(rows.task, folder, rows.labels, seed)
    peers.train_with_trainer(
        rows.task,
        model,
        tokenizer,
        encode(rows, tokenizer, wanted.max_length),
        batch_size=wanted.batch_size,
        seed=seed,
        bf16=wanted.precision == "bf16",
        num_train_epochs=wanted.epochs,
        learning_rate=wanted.learning_rate,
    )
    model.eval()
    return PREDICTORS[rows.task](rows, model, tokenizer, wanted.max_length)


def _labels(rows: Rows, model: PreTrainedModel, tokenizer: Any, max_length: int) -> list[str]:
    features = encode(replace(rows, train=rows.validation), tokenizer, max_length)
    return [rows.labels[int(logits.argmax())] for logits in _logits(model, tokenizer, features)]


def _tags(rows: Rows, model: PreTrainedModel, tokenizer: Any, max_length: int) -> list[list[str]]:
    """A word that was cut off, or that the tokenizer dropped, is outside."""
    found: Any = rows.validation
    words = [[row.text[begin:end] for begin, end in row.tokens] for row in found]
    encoded = tokenizer(words, is_split_into_words=True, truncation=True, max_length=max_length)
    features = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in encoded["input_ids"]]
    predicted = []
    for number, logits in enumerate(_logits(model, tokenizer, features)):
        tags, choice = ["O"] * len(words[number]), logits.argmax(axis=-1)
        last = None
        for piece, word in enumerate(encoded.word_ids(number)):
            if word is not None and word != last:
                tags[word] = rows.labels[int(choice[piece])]
            last = word
        predicted.append(tags)
    return predicted


def _answers(rows: Rows, model: PreTrainedModel, tokenizer: Any, max_length: int) -> list[str]:
    """The text of the best span over all windows of a row."""
    found: Any = rows.validation
    encoded = tokenizer(
        [row.question.strip() for row in found],
        [row.context for row in found],
        truncation="only_second",
        max_length=max_length,
        stride=DOC_STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    features = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in encoded["input_ids"]]
    if "token_type_ids" in encoded:
        for feature, types in zip(features, encoded["token_type_ids"], strict=True):
            feature["token_type_ids"] = types
    best: list[tuple[float, str]] = [(-np.inf, "")] * len(found)
    for number, logits in enumerate(_logits(model, tokenizer, features)):
        row = encoded["overflow_to_sample_mapping"][number]
        places, belongs = encoded["offset_mapping"][number], encoded.sequence_ids(number)
        for first, last in _spans(logits, belongs):
            score = float(logits[first, 0] + logits[last, 1])
            if score > best[row][0]:
                best[row] = score, found[row].context[places[first][0] : places[last][1]]
    return [text for _, text in best]


def _spans(logits: Logits, belongs: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    starts, ends = (np.argsort(-logits[:, column])[:BEST].tolist() for column in (0, 1))
    for first in starts:
        for last in ends:
            if belongs[first] == belongs[last] == 1 and first <= last < first + LONGEST_ANSWER:
                yield first, last


def _logits(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, features: list[Any]) -> Iterator[Logits]:
    """[labels], [pieces, tags], or [pieces, 2] of each feature, without padding, in order."""
    collate = DataCollatorWithPadding(tokenizer)
    for begin in range(0, len(features), BATCH):
        some = [
            {key: value for key, value in each.items() if key != "labels"} for each in features[begin : begin + BATCH]
        ]
        batch = collate(some)
        with torch.inference_mode():
            output = model(**batch)
        found = output.logits if "logits" in output else torch.stack([output.start_logits, output.end_logits], dim=-1)
        for logits, feature in zip(found.float().numpy(), some, strict=True):
            yield logits[: len(feature["input_ids"])] if logits.ndim > 1 else logits


PREDICTORS: Mapping[str, Callable[[Rows, PreTrainedModel, Any, int], list[Any]]] = {
    "classification": _labels,
    "ner": _tags,
    "qa": _answers,
}
