"""How a part is to be read: format, encoding, delimiter, header and which column is what."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.data import columns as guessing
from nlpstudio.engine.data.encoding import Encoding, detect, known_codec
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.readers import READERS, conll, delimited, parquet, plain, spreadsheet
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout
from nlpstudio.engine.data.shapes import OddShape, has_inclusive_ends, is_nested
from nlpstudio.engine.data.source import Part
from nlpstudio.engine.errors import UnreadableFile

HEAD_BYTES = 256 * 1024
SAMPLE_ROWS = 400
DELIMITERS = "\t,;|"
BINARY_SHARE = 0.1


@dataclass(slots=True, kw_only=True)
class Inferred:
    """A layout, and what the guess rests on. `missing` are needed roles without a column."""

    layout: Layout
    encoding_sure: str
    missing: list[str] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    head_lines: list[str] = field(default_factory=list)
    head: Part


def infer(part: Part, options: ImportOptions, *, whole: bool) -> Inferred:
    """Find the layout from the head of a part, and the encoding from all of it when `whole`.

    Raises `UnreadableFile` for binary content, an unknown encoding or an unknown format.
    """
    data = part.head(HEAD_BYTES + 1)
    truncated = len(data) > HEAD_BYTES
    data = data[:HEAD_BYTES]
    binary = _binary_format(data, options)
    if binary is not None:
        layout = Layout(format=binary, encoding="")
        return _with_columns(Inferred(layout=layout, encoding_sure="certain", head=part), options, truncated)
    _refuse_binary(data, part.name)
    encoding = _encoding(part, data, options, whole=whole)
    text = _decoded(data, encoding.name)
    lines = text.split("\n")
    if truncated and len(lines) > 1:
        lines.pop()
    head = Part(name=part.name, open=lambda: io.BytesIO(data))
    layout = _text_layout(part.name, lines, options, encoding.name)
    if layout.format == plain.PLAIN.name and not part.is_member and not any(not line.strip() for line in _inner(lines)):
        layout = replace(layout, delimiter=plain.EACH_LINE)
    inferred = Inferred(layout=layout, encoding_sure=encoding.sure, head=head, head_lines=lines[:10])
    return _with_columns(inferred, options, truncated)


def _inner(lines: Sequence[str]) -> Sequence[str]:
    """The lines between the first and the last that is not blank."""
    full = [place for place, line in enumerate(lines) if line.strip()]
    return lines[full[0] : full[-1]] if full else []


def _binary_format(data: bytes, options: ImportOptions) -> str | None:
    if data.startswith(b"PAR1"):
        return "parquet"
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "xlsx"
    if options.format in ("parquet", "xlsx"):
        raise UnreadableFile(f"the file is no {options.format} file", hint="Choose the format it really has.")
    return None


def _refuse_binary(data: bytes, name: str) -> None:
    odd = sum(data.count(bytes([code])) for code in range(32) if code not in (0, 9, 10, 12, 13, 27))
    if odd > BINARY_SHARE * len(data):
        raise UnreadableFile(f"{name} is no text file", hint="Upload a text table, JSON, a workbook or a Parquet file.")
    if not data.strip(b"\x00\r\n\t \xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(f"{name} holds no text", hint="Check the export, then upload it again.")


def _encoding(part: Part, data: bytes, options: ImportOptions, *, whole: bool) -> Encoding:
    if options.encoding:
        if not known_codec(options.encoding):
            raise UnreadableFile(f"unknown encoding {options.encoding!r}", hint="Try utf-8, gb18030 or utf-16.")
        return Encoding(name=options.encoding, sure="certain")
    if whole:
        with part.open() as stream:
            return detect(stream)
    return detect(io.BytesIO(data), whole=False)


def _decoded(data: bytes, encoding: str) -> str:
    text = data.decode(encoding, errors="replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _text_layout(name: str, lines: list[str], options: ImportOptions, encoding: str) -> Layout:
    suffix = PurePosixPath(name.lower()).suffix
    chosen = options.format or _format_of(suffix, lines, options)
    if chosen not in READERS:
        raise UnreadableFile(f"unknown format {chosen!r}", hint=f"Known formats are {', '.join(READERS)}.")
    layout = Layout(format=chosen, encoding=encoding)
    if chosen == "conll":
        tabs = sum("\t" in line for line in lines)
        full = sum(bool(line.strip()) for line in lines)
        delimiter = options.delimiter or ("\t" if tabs >= 0.5 * full else "")
        return replace(layout, delimiter=delimiter.strip(" "))
    if chosen in ("tsv", "csv"):
        prose = chosen == "tsv" and CATALOGUE[options.task].writes
        delimiter = options.delimiter or ("\t" if prose else _delimiter(lines, "," if chosen == "csv" else "\t"))
        quoting = options.quoting if options.quoting is not None else chosen == "csv"
        return replace(layout, delimiter=delimiter, quoting=quoting)
    return layout


def _format_of(suffix: str, lines: list[str], options: ImportOptions) -> str:
    full = [line for line in lines if line.strip()]
    json_kind = _json_kind(full, suffix)
    if json_kind is not None:
        return json_kind
    by_suffix = next((reader.name for reader in READERS.values() if suffix in reader.suffixes), None)
    if options.task == "pretraining" and suffix not in (".tsv", ".csv"):
        return plain.PLAIN.name
    if options.task == "ner" and (by_suffix == "conll" or _looks_like_conll(lines)):
        return "conll"
    if by_suffix == "csv":
        return "csv"
    if CATALOGUE[options.task].writes:
        return "tsv"  # prose is full of commas
    return "tsv" if _delimiter(full, "\t") == "\t" else "csv"


def _json_kind(full: list[str], suffix: str) -> str | None:
    """ "jsonl", "json", or none when the text does not begin like JSON."""
    first = full[0].strip() if full else ""
    if not first.startswith(("{", "[")):
        return None
    if suffix in (".jsonl", ".ndjson"):
        return "jsonl"
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        alone = len(full) == 1 or not full[1].lstrip().startswith("{")
        squad = isinstance(value.get("data"), list) and alone
        return "json" if squad else "jsonl"
    if suffix == ".json" or (suffix not in (".tsv", ".csv") and first in ("{", "[", "[{")):
        return "json"
    return None


def _looks_like_conll(lines: Sequence[str]) -> bool:
    """Tokens stand one a line: empty lines between blocks, and no tag cell with blanks in it."""
    body = [line for line in lines[1:SAMPLE_ROWS] if not line.startswith("#")]
    full = [line for line in body if line.strip()]
    if not full:
        return False
    several = sum(" " in line.split("\t")[-1].strip() for line in full if "\t" in line)
    empty = sum(not line.strip() for line in body[:-1])
    if any("\t" in line for line in full):
        return several == 0 and (empty > 0 or max(len(line.split("\t")[0].split()) for line in full) == 1)
    return empty > 0 and all(len(line.split()) <= 12 for line in full[:50])


def _delimiter(lines: Sequence[str], preferred: str) -> str:
    """The sign that stands in most lines, and equally often in them; the preferred one when in doubt."""
    sample = [line for line in lines[:SAMPLE_ROWS] if line.strip()]
    if not sample:
        return preferred
    scores: dict[str, float] = {}
    for sign in DELIMITERS:
        counts = Counter(line.count(sign) for line in sample)
        without = counts.pop(0, 0)
        if counts and without < 0.5 * len(sample):
            scores[sign] = max(counts.values()) / len(sample)
    if preferred in scores:
        return preferred
    if "\t" in scores:
        return "\t"
    return max(scores, key=lambda sign: scores[sign]) if scores else preferred


def _with_columns(inferred: Inferred, options: ImportOptions, truncated: bool) -> Inferred:
    """Fill in header, column names and roles from a sample of rows."""
    layout, head = inferred.layout, inferred.head
    reader = READERS[layout.format]
    if layout.format == plain.PLAIN.name:
        _plain(inferred)
    elif reader.keyed:
        _keyed(inferred, options)
    elif layout.format == "conll":
        _conll(inferred, options)
    else:
        found = spreadsheet.records(head) if layout.format == "xlsx" else delimited.records(head, layout)
        rows = [item.value for _, item in zip(range(SAMPLE_ROWS), found, strict=False) if isinstance(item, Item)]
        if truncated and reader.text and 1 < len(rows) < SAMPLE_ROWS:
            rows.pop()
        _tabular(inferred, options, rows)
    return inferred


def _tabular(inferred: Inferred, options: ImportOptions, rows: list[list[Any]]) -> None:
    header, names, roles, missing = guessing.table(rows, options)
    inferred.layout = replace(inferred.layout, header=header, columns=tuple(names), roles=roles)
    inferred.missing = missing


def _keyed(inferred: Inferred, options: ImportOptions) -> None:
    if inferred.layout.format == "parquet":
        records = [
            item.value
            for _, item in zip(range(50), parquet.read(inferred.head, inferred.layout), strict=False)
            if isinstance(item, Item)
        ]
    else:
        found = READERS[inferred.layout.format].read(inferred.head, inferred.layout)
        records = [item.value for _, item in zip(range(50), found, strict=False) if not isinstance(item, Bad)]
    names = list(dict.fromkeys(key for record in records for key in record))
    if any(is_nested(options.task, record) for record in records):
        inferred.layout = replace(inferred.layout, columns=tuple(names))
        return
    if options.task == "ner":
        inferred.messages += _inclusive_ends(records)
    roles, missing = guessing.keys(names, records, options)
    inferred.layout = replace(inferred.layout, columns=tuple(names), roles=roles)
    inferred.missing = missing


def _plain(inferred: Inferred) -> None:
    inferred.layout = replace(inferred.layout, columns=("text",), roles={"text": "text"})
    if inferred.layout.delimiter == plain.EACH_LINE:
        text = "the file has no empty lines: each line is taken as a document of its own"
        hint = "Put an empty line between documents that have several lines."
        inferred.messages.append({"code": "documents.lines", "level": "info", "message": text, "hint": hint})


def _inclusive_ends(records: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    try:
        found = any(map(has_inclusive_ends, records))
    except OddShape:
        return []  # named with its line when the rows are read
    text = "the spans count their last character in; they are converted, and each is compared with its mention"
    return [{"code": "spans.inclusive", "level": "info", "message": text, "hint": ""}] if found else []


def _conll(inferred: Inferred, options: ImportOptions) -> None:
    layout = inferred.layout
    text = _decoded(inferred.head.head(HEAD_BYTES), layout.encoding)
    rows = [conll.cells(line, layout.delimiter) for line in text.split("\n")[:-1] if _is_token(line, layout)]
    widths = Counter(len(row) for row in rows[:SAMPLE_ROWS])
    width = widths.most_common(1)[0][0] if widths else 0
    header, names, roles, missing = guessing.conll(rows[:SAMPLE_ROWS], width, options)
    inferred.layout = replace(layout, header=header, columns=tuple(names), roles=roles)
    inferred.missing = missing


def _is_token(line: str, layout: Layout) -> bool:
    return bool(line.strip()) and not conll.is_comment(line, layout) and not line.startswith(conll.DOCUMENT_START)
