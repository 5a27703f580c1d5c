"""Parquet files, as `datasets` and pandas write them: a batch of rows in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nlpstudio.engine.data.readers.shape import Bad, Item, Layout, Reader
from nlpstudio.engine.data.source import Part
from nlpstudio.engine.errors import UnreadableFile

MAX_BYTES = 2 * 1024**3
BATCH = 1_000


def read(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """Rows as dicts; `line` is the row's number from 1. Class numbers become names where the file has them."""
    line = 0
    with part.on_disk(MAX_BYTES) as path:
        try:
            file = pq.ParquetFile(path)
            names = _class_names(file.schema_arrow.metadata)
            for batch in file.iter_batches(batch_size=BATCH):
                for record in batch.to_pylist():
                    line += 1
                    named = {key: _named(value, names.get(key)) for key, value in record.items()}
                    yield Item(line, named, json.dumps(named, ensure_ascii=False, default=str))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UnreadableFile(
                f"the Parquet file is damaged after row {line}: {error}", hint="Write it again."
            ) from error


def _class_names(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """The names of `ClassLabel` columns, which `datasets` keeps in the schema's metadata."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    found = {}
    for key, feature in features.items():
        inner = feature.get("feature", feature) if isinstance(feature, dict) else {}
        if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and isinstance(inner.get("names"), list):
            found[key] = inner["names"]
    return found


def _named(value: Any, names: list[str] | None) -> Any:
    if names is None:
        return value
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


PARQUET = Reader(name="parquet", suffixes=(".parquet",), read=read, text=False, keyed=True, rejected=".jsonl")
