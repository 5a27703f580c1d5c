"""A few inputs from the data, for people who open a model's demo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import UnreadableFile

COUNT = 5
LOOKED_AT = 200
LONGEST = 600
"""Characters; a QA context may be four times as long."""


def choose(predictions: Path, dataset_version: DatasetVersion, split: str) -> list[dict[str, str]]:
    """Up to five inputs that the model has not been trained on, of different labels where there are labels.

    Each is the dict of form fields that the demo of its task takes. Empty when there are no predictions.
    """
    file = predictions / f"{split}.parquet"
    if not split or not file.is_file():
        return []
    batch = next(pq.ParquetFile(file).iter_batches(batch_size=LOOKED_AT, columns=["row_id"]), None)
    if batch is None:
        return []
    try:
        data = DatasetFolder.open(dataset_version.folder)
        records = data.get(batch.column("row_id").to_pylist())
    except UnreadableFile:
        return []
    return _varied(list(records.values()), data.info.task)


def _varied(records: list[dict[str, Any]], task: str) -> list[dict[str, str]]:
    """One of each kind first, then further ones, in the order of the data."""
    to_input, kind_of = INPUTS[task], KINDS[task]
    seen: dict[str, int] = {}
    ranked = []
    for position, record in enumerate(records):
        fields = to_input(record)
        if sum(map(len, fields.values())) <= LONGEST * (4 if task == "qa" else 1):
            kind = kind_of(record)
            ranked.append((seen.get(kind, 0), position, fields))
            seen[kind] = seen.get(kind, 0) + 1
    return [fields for *_, fields in sorted(ranked, key=lambda each: each[:2])[:COUNT]]


def _classification(record: Mapping[str, Any]) -> dict[str, str]:
    pair = record.get("text_pair")
    return {"text": record["text"]} if pair is None else {"text": record["text"], "text_pair": pair}


def _ner(record: Mapping[str, Any]) -> dict[str, str]:
    return {"text": record["text"]}


def _qa(record: Mapping[str, Any]) -> dict[str, str]:
    return {"context": record["context"], "question": record["question"]}


INPUTS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, str]]] = {
    "classification": _classification,
    "ner": _ner,
    "qa": _qa,
}
KINDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "classification": lambda record: "|".join(record["labels"]),
    "ner": lambda record: " ".join(sorted({tag.partition("-")[2] for tag in record["tags"]} - {""})),
    "qa": lambda record: "" if record["answer_texts"] else "unanswerable",
}
"""What makes two examples of a task alike."""
