"""A version's rows as files that people and programs can read, made piece by piece.

Both formats can be imported again. TSV has no quotes, so a tab or line end inside a text becomes
one blank: offsets stay true.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from nlpstudio.core import cells
from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.rows import (
    ClassificationRow,
    CorpusRow,
    GenerationRow,
    PairRow,
    QARow,
    Row,
    TaggedRow,
)
from nlpstudio.engine.data.store import DatasetFolder

FORMATS = {"tsv": "text/tab-separated-values; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
_BLANKS = str.maketrans("\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029", " " * 11)
_HEADS = {
    "classification": ("text", "label", "split"),
    "ner": ("tokens", "tags", "split"),
    "qa": ("context", "question", "answer", "answer_start", "split"),
    "pretraining": ("text", "split"),
    "translation": ("source", "target", "split"),
    "summarization": ("source", "target", "split"),
    "generation": ("prompt", "response", "split"),
}


def pieces(folder: DatasetFolder, form: str, *, split: str | None = None, safe: bool = False) -> Iterator[bytes]:
    """The file in small pieces, of one split or of all in their order.

    `safe` puts an apostrophe before cells that a spreadsheet would take for a formula (TSV only).
    """
    return _jsonl(folder, split) if form == "jsonl" else _tsv(folder, split, safe)


def _rows(folder: DatasetFolder, split: str | None) -> Iterator[tuple[Row, str]]:
    for name in (split,) if split else SPLITS:
        if folder.count(name):
            for row in folder.rows(name):
                yield row, name


def _tsv(folder: DatasetFolder, split: str | None, safe: bool) -> Iterator[bytes]:
    pairs = "text_pair" in (folder.info.options.get("columns") or {})
    head = _HEADS[folder.info.task]
    yield _line(("text", "text_pair", *head[1:]) if pairs else head, safe=False)
    for row, name in _rows(folder, split):
        yield _line((*_cells(row, pairs), name), safe=safe)


def _line(values: tuple[str, ...], *, safe: bool) -> bytes:
    shown = [value.translate(_BLANKS) for value in values]
    if safe:
        shown = [cells.safe(cell) for cell in shown]
    return ("\t".join(shown) + "\n").encode("utf-8", "replace")


def _cells(row: Row, pairs: bool) -> tuple[str, ...]:
    if isinstance(row, ClassificationRow):
        label = "|".join(row.labels)
        return (row.text, row.text_pair or "", label) if pairs else (row.text, label)
    if isinstance(row, TaggedRow):
        return " ".join(_tokens(row)), " ".join(row.tags)
    if isinstance(row, QARow):
        answer, start = (row.answers[0][0], str(row.answers[0][1])) if row.answers else ("", "")
        return row.context, row.question, answer, start
    if isinstance(row, CorpusRow):
        return (row.text,)
    if isinstance(row, PairRow):
        return row.source, row.target
    if isinstance(row, GenerationRow):
        return row.prompt or "", row.response
    raise TypeError(f"no table form for {type(row).__name__}")


def _tokens(row: TaggedRow) -> list[str]:
    return [row.text[start:end].replace(" ", "_") for start, end in row.tokens]


def _jsonl(folder: DatasetFolder, split: str | None) -> Iterator[bytes]:
    for row, name in _rows(folder, split):
        yield (json.dumps({**_record(row), "split": name}, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _record(row: Row) -> dict[str, Any]:
    if isinstance(row, ClassificationRow):
        label = row.labels[0] if len(row.labels) == 1 else list(row.labels)
        pair = {"text_pair": row.text_pair} if row.text_pair is not None else {}
        return {"text": row.text, **pair, "label": label}
    if isinstance(row, TaggedRow):
        return {"tokens": _tokens(row), "tags": list(row.tags)}
    if isinstance(row, QARow):
        answers = {"text": [text for text, _ in row.answers], "answer_start": [start for _, start in row.answers]}
        return {"id": row.key, "context": row.context, "question": row.question, "answers": answers}
    if isinstance(row, CorpusRow):
        return {"text": row.lines}
    if isinstance(row, PairRow):
        return {"source": row.source, "target": row.target}
    if isinstance(row, GenerationRow):
        return _conversation(row)
    raise TypeError(f"no JSON form for {type(row).__name__}")


def _conversation(row: GenerationRow) -> dict[str, Any]:
    """As prompt and response; with something said before, as the messages that chat models are trained on."""
    if not row.history:
        return {"prompt": row.prompt, "response": row.response} if row.prompt is not None else {"text": row.response}
    said = [*row.history, ("user", row.prompt or ""), ("assistant", row.response)]
    return {"messages": [{"role": role, "content": content} for role, content in said]}
