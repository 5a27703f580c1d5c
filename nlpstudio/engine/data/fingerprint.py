"""The fingerprint of a stored data set, computed again from its files."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow.parquet as pq

from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.store import ROWS_FILE, SPLITS_FILE, DatasetFolder

PLACE = ("row_id", "line")
_canonical = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def fingerprint_of(folder: DatasetFolder) -> str:
    """The sha256 over rows and splits as they lie on the disk: `info.fingerprint`, unless they have changed.

    One row group is in memory at a time. Raises `OSError` and pyarrow's errors (they are `ValueError` or `OSError`)
    for a file that cannot be read.
    """
    content = hashlib.sha256()
    rows = pq.ParquetFile(folder.path / ROWS_FILE)
    names = [name for name in rows.schema_arrow.names if name not in PLACE]
    for group in range(rows.metadata.num_row_groups):
        for record in rows.read_row_group(group, columns=names).to_pylist():
            content.update(_canonical([record[name] for name in names]).encode())
    splits = pq.ParquetFile(folder.path / SPLITS_FILE)
    numbers = {name: number for number, name in enumerate(SPLITS)}
    for group in range(splits.metadata.num_row_groups):
        named = splits.read_row_group(group, columns=["split"]).column("split").to_pylist()
        content.update(np.array([numbers[name] for name in named], dtype=np.int8).tobytes())
    return content.hexdigest()
