"""From a data set on disk to examples: the labels, the usable length, and every split tokenised."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from transformers import PreTrainedTokenizerBase

from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.errors import UnusableData
from nlpstudio.engine.job import Job
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import AnyTask, Setup
from nlpstudio.engine.tasks.writing import as_writing
from nlpstudio.engine.training import token_cache
from nlpstudio.engine.training.evaluate import Split

HELD_OUT = ("validation", "test")
ROWS_AT_ONCE = 1000
SHOWN_EXAMPLES = 3
LOOKED_AT = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A data set made ready for a task and a tokenizer.

    `truncated` is the share of rows cut short, `split_sha256` the hash of each split's row ids, `examples` short
    inputs to show on a demo page.
    """

    task: AnyTask
    tokenizer: PreTrainedTokenizerBase
    setup: Setup
    info: Any
    train: list[Example]
    held_out: dict[str, Split]
    rows: dict[str, int]
    truncated: float
    split_sha256: dict[str, str]
    examples: list[dict[str, Any]]


def prepare(job: Job) -> Prepared:
    """Read and tokenise the job's data set. Raises `UnusableData`, `UnreadableFile` and `BaseModelRefused`."""
    dataset, task = DatasetFolder.open(job.dataset), TASKS[job.spec.task]
    if dataset.info.task != task.name:
        raise UnusableData(f"The data set is for {dataset.info.task}, the run for {task.name}")
    if not dataset.count("train"):
        raise UnusableData("No row is in the training split", hint="Split the data set anew.")
    tokenizer = building.load_tokenizer(job.base_model)
    params = job.spec.params
    setup = Setup(
        labels=task.outputs(dataset.info.labels),
        max_length=min(params.max_length, building.longest_input(job.base_model, tokenizer)),
        multilabel=dataset.info.multilabel,
        params=params,
    )
    if CATALOGUE[task.name].writes:
        as_writing(task).begin(tokenizer, list(islice(dataset.rows("train"), ROWS_AT_ONCE)), params)
    splits = {name: _Reader(task, tokenizer, setup) for name in ("train", *HELD_OUT) if dataset.count(name)}
    keys = {  # before anything is encoded, which leaves its mark on the tokenizer
        name: token_cache.key(
            fingerprint=dataset.info.fingerprint, split=name, task=task, tokenizer=tokenizer, setup=setup
        )
        for name in splits
    }
    for name, reader in splits.items():
        reader.read(dataset, name, keys[name])
    train = splits["train"].examples
    if params.class_weights == "balanced":
        setup = replace(setup, class_weights=task.balance(train, setup))
    shown = next(splits[name] for name in (*reversed(HELD_OUT), "train") if name in splits)
    return Prepared(
        task=task,
        tokenizer=tokenizer,
        setup=setup,
        info=dataset.info,
        train=train,
        held_out={
            name: Split(name=name, rows=splits[name].rows, examples=splits[name].examples)
            for name in HELD_OUT
            if name in splits
        },
        rows={name: reader.count for name, reader in splits.items()},
        truncated=sum(r.truncated for r in splits.values()) / sum(r.count for r in splits.values()),
        split_sha256={name: reader.ids_sha256 for name, reader in splits.items()},
        examples=_short([task.example(row) for row in shown.first]),
    )


class _Reader:
    """Reads one split a thousand rows at a time; training rows are let go once they are tokenised.

    What was tokenised before comes from the cache; then training rows are not even read.
    """

    def __init__(self, task: AnyTask, tokenizer: PreTrainedTokenizerBase, setup: Setup) -> None:
        self.task, self.tokenizer, self.setup = task, tokenizer, setup
        self.examples: list[Example] = []
        self.rows: list[Row] = []
        self.first: list[Row] = []
        self.count = self.truncated = 0
        self.ids_sha256 = ""

    def read(self, dataset: DatasetFolder, split: str, key: str) -> None:
        kept = token_cache.load(key)
        if kept is None:
            self._tokenise(dataset.rows(split), keep_rows=split != "train")
            token_cache.save(key, self._tokenised())
            return
        self.examples, self.ids_sha256 = kept.examples, kept.ids_sha256
        self.count, self.truncated = kept.count, kept.truncated
        if split == "train":
            self.first = list(islice(dataset.rows(split), LOOKED_AT))
        else:
            self.rows = list(dataset.rows(split))
            self.first = self.rows[:LOOKED_AT]

    def _tokenise(self, rows: Iterable[Row], *, keep_rows: bool) -> None:
        ids = hashlib.sha256()
        for some in _batched(rows, ROWS_AT_ONCE):
            encoded = self.task.encode(some, self.tokenizer, self.setup, first=self.count)
            self.examples += encoded.examples
            self.truncated += encoded.truncated
            self.count += len(some)
            ids.update(np.array([row.row_id for row in some], dtype="<i8").tobytes())
            self.first = self.first or some[:LOOKED_AT]
            if keep_rows:
                self.rows += some
        self.ids_sha256 = ids.hexdigest()

    def _tokenised(self) -> token_cache.Tokenised:
        return token_cache.Tokenised(
            examples=self.examples, count=self.count, truncated=self.truncated, ids_sha256=self.ids_sha256
        )


def _batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch


def _short(inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A few inputs, spread over the shorter half."""
    by_length = sorted(inputs, key=lambda each: len(json.dumps(each, ensure_ascii=False)))
    shorter = by_length[: max(SHOWN_EXAMPLES, len(by_length) // 2)]
    return shorter[:: max(1, len(shorter) // SHOWN_EXAMPLES)][:SHOWN_EXAMPLES]


def fingerprint(job: Job) -> str:
    """What a checkpoint must have been made for to be resumed: the same spec on the same data."""
    info = DatasetFolder.open(job.dataset).info
    text = json.dumps([job.spec.to_json(), info.fingerprint], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
