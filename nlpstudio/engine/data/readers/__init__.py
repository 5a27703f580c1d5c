"""The file formats that can be read, in a dict one can read."""

from __future__ import annotations

from collections.abc import Mapping

from nlpstudio.engine.data.readers.conll import CONLL
from nlpstudio.engine.data.readers.delimited import CSV, TSV
from nlpstudio.engine.data.readers.json_values import JSON, JSONL
from nlpstudio.engine.data.readers.parquet import PARQUET
from nlpstudio.engine.data.readers.plain import PLAIN
from nlpstudio.engine.data.readers.shape import Reader
from nlpstudio.engine.data.readers.spreadsheet import XLSX

READERS: Mapping[str, Reader] = {reader.name: reader for reader in (TSV, CSV, JSONL, JSON, XLSX, PARQUET, CONLL, PLAIN)}
