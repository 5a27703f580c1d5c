"""The columns of a stored data set, by task, and which of them are searched and labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

_COMMON = (("row_id", pa.int64()), ("line", pa.int64()))
_TEXTS = pa.list_(pa.string())
_OFFSETS = pa.list_(pa.int32())


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """How one task's rows lie in Parquet. `searched` columns are what a query looks through; `labelled` is empty without labels."""

    arrow: Any
    searched: tuple[str, ...]
    labelled: str


_PAIRS = Schema(
    arrow=pa.schema([*_COMMON, ("source", pa.string()), ("target", pa.string())]),
    searched=("source", "target"),
    labelled="",
)

SCHEMAS: Mapping[str, Schema] = {
    "classification": Schema(
        arrow=pa.schema([*_COMMON, ("text", pa.string()), ("text_pair", pa.string()), ("labels", _TEXTS)]),
        searched=("text", "text_pair"),
        labelled="labels",
    ),
    "ner": Schema(
        arrow=pa.schema([*_COMMON, ("text", pa.string()), ("starts", _OFFSETS), ("ends", _OFFSETS), ("tags", _TEXTS)]),
        searched=("text",),
        labelled="tags",
    ),
    "qa": Schema(
        arrow=pa.schema([
            *_COMMON,
            ("context", pa.string()),
            ("question", pa.string()),
            ("answer_texts", _TEXTS),
            ("answer_starts", _OFFSETS),
            ("key", pa.string()),
        ]),
        searched=("question", "context"),
        labelled="answer_texts",
    ),
    "pretraining": Schema(arrow=pa.schema([*_COMMON, ("text", pa.string())]), searched=("text",), labelled=""),
    "translation": _PAIRS,
    "summarization": _PAIRS,
    "generation": Schema(
        arrow=pa.schema([
            *_COMMON, ("prompt", pa.string()), ("response", pa.string()), ("roles", _TEXTS), ("turns", _TEXTS)
        ]),
        searched=("prompt", "response"),
        labelled="",
    ),
}  # fmt: skip

SPLIT_SCHEMA = pa.schema([("row_id", pa.int64()), ("split", pa.string())])
