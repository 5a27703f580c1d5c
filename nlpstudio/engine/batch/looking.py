"""A first look at a file whose rows are to be answered: how it reads, and which column is the text. No labels needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from nlpstudio.engine.batch.order import ROLES, Reading
from nlpstudio.engine.data.checking import Refused, text_of
from nlpstudio.engine.data.columns import plain
from nlpstudio.engine.data.layout import Inferred, infer
from nlpstudio.engine.data.lines import printable
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.readers import READERS
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout
from nlpstudio.engine.data.readers.values import as_text
from nlpstudio.engine.data.sniffing import Sniffed
from nlpstudio.engine.data.source import Part, open_parts
from nlpstudio.engine.errors import EngineError, UnreadableFile, UnusableData

PREVIEW_ROWS = 5
SAMPLE_ROWS = 100
TABLES = ("tsv", "csv", "xlsx")
USUAL_NAMES = frozenset(
    [
        "id",
        "no",
        "nr",
        "index",
        "number",
        "n",
        "comment",
        "comments",
        "message",
        "messages",
        "body",
        "title",
        "subject",
        "description",
        "summary",
        "tweet",
        "post",
        "utterance",
        "input",
        "document",
        "paragraph",
        "answer",
        "feedback",
        "date",
        "time",
        "author",
        "user",
        "name",
        "url",
        "lang",
        "language",
        "source",
        "序号",
        "编号",
        "编码",
        "标题",
        "正文",
        "评论内容",
        "留言",
        "消息",
        "句子",
        "描述",
        "备注",
        "日期",
        "作者",
    ]
)
"""Names of columns that no task knows but that hardly stand in a first row of texts."""


def look(
    source: Path,
    task: str,
    reading: Reading | None = None,
    *,
    name: str | None = None,
    trained: Mapping[str, str] | None = None,
    pairs: bool = False,
) -> Sniffed:
    """Look at the first 256 KB of a file; raises nothing for odd content, says what is wrong.

    `trained` are the column names of the training data by role, tried before any other guess. `pairs` says
    whether the model judges two texts. `preview` holds {"line", "values"} or {"line", "problem"}.
    """
    try:
        part = only_part(source, name or source.name)
        inferred, missing = _inferred(part, task, reading or Reading(), trained or {}, whole=False, pairs=pairs)
        preview = [] if missing else _preview(inferred, task)
    except EngineError as error:
        message = {"code": error.code, "level": "error", "message": error.message, "hint": error.hint}
        return Sniffed(task=task, messages=[message], usable=False)
    layout = inferred.layout
    is_table = layout.format in ("tsv", "csv")
    return Sniffed(
        task=task,
        format=layout.format,
        encoding=layout.encoding or None,
        encoding_sure=inferred.encoding_sure,
        delimiter=layout.delimiter if is_table else None,
        quoting=layout.quoting if is_table else None,
        header=layout.header if is_table or layout.format == "xlsx" else None,
        columns=list(layout.columns),
        guessed=dict(layout.roles),
        missing=missing,
        raw_lines=[printable(line) for line in inferred.head_lines[:PREVIEW_ROWS]],
        preview=preview,
        messages=_messages(inferred, missing),
        usable=not missing,
    )


def settle(
    source: Path, task: str, reading: Reading, *, name: str, trained: Mapping[str, str], pairs: bool = False
) -> tuple[Part, Layout]:
    """The file and how its rows are read. Raises `UnreadableFile`, or `UnusableData` when a column is missing."""
    part = only_part(source, name)
    inferred, missing = _inferred(part, task, reading, trained, whole=True, pairs=pairs)
    if missing:
        raise UnusableData(_missing_words(inferred, missing), hint="Choose the columns by hand.")
    return part, inferred.layout


def only_part(source: Path, name: str) -> Part:
    """The one data file of an upload. Raises `UnreadableFile` for an archive of several."""
    parts = open_parts(source, name)
    if len(parts) > 1:
        raise UnreadableFile(
            f"the .zip file holds {len(parts)} data files: {', '.join(part.name for part in parts[:5])}",
            hint="Upload one data file.",
        )
    return parts[0]


def texts_of(item: Item, layout: Layout, task: str) -> dict[str, str]:
    """The texts that the model is given, by role. Raises `Refused` for one that is missing, empty or no text."""
    roles = [role for role in ROLES[task].all if role in layout.roles]
    if READERS[layout.format].keyed:
        values = {role: item.value.get(layout.roles[role]) for role in roles}
    else:
        cells = item.value
        places = {role: layout.index(role) for role in roles}
        values = {role: cells[place] if place < len(cells) else "" for role, place in places.items()}
    return {role: text_of(values, role, item.line) for role in roles}


def _inferred(
    part: Part, task: str, reading: Reading, trained: Mapping[str, str], *, whole: bool, pairs: bool
) -> tuple[Inferred, list[str]]:
    roles = ROLES[task]
    wanted = reading.columns or {role: column for role, column in trained.items() if not column.isdecimal()}
    options = ImportOptions(
        task="classification" if task == "ner" else task,  # a tagger reads plain texts here, not tagged tokens
        columns={role: column for role, column in wanted.items() if role in roles.all} or None,
        header=reading.header,
        encoding=reading.encoding,
        delimiter=reading.delimiter,
        quoting=reading.quoting,
    )
    inferred = infer(part, options, whole=whole)
    if reading.header is None and inferred.layout.format in TABLES and _is_headed(inferred):
        inferred = infer(part, replace(options, header=True), whole=whole)
    found = {role: inferred.layout.roles[role] for role in roles.all if role in inferred.layout.roles}
    if reading.columns is not None:
        found = {role: column for role, column in found.items() if role in reading.columns}
    elif not pairs:
        found.pop("text_pair", None)
    inferred.layout = replace(inferred.layout, roles=found)
    if reading.columns is None and roles.needed == ("text",) and "text" not in found:
        inferred.layout = replace(inferred.layout, roles={**found, **_longest(inferred)})
    return inferred, [role for role in roles.needed if role not in inferred.layout.roles]


def _is_headed(inferred: Inferred) -> bool:
    """Whether a first row that was not taken for a header is one: a usual name, or a word over a column of numbers."""
    rows = [item.value for item in _sample(inferred, SAMPLE_ROWS) if isinstance(item, Item)]
    if inferred.layout.header or len(rows) < 2:
        return False
    first, body = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if any(not cell.strip() for cell in first) or not body:
        return False
    if any(plain(cell) in USUAL_NAMES and all(row[place] != cell for row in body) for place, cell in enumerate(first)):
        return True
    return any(not _is_number(cell) and all(_is_number(row[place]) for row in body) for place, cell in enumerate(first))


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).replace("-", "", 1).isdecimal()


def _longest(inferred: Inferred) -> dict[str, str]:
    """The column with the longest texts, when no name says which holds them."""
    rows = [item.value for item in _sample(inferred, SAMPLE_ROWS) if isinstance(item, Item)]
    lengths = {name: sum(map(len, _column(rows, place, name))) for place, name in enumerate(inferred.layout.columns)}
    best = max(lengths, key=lambda name: lengths[name], default=None)
    return {"text": best} if best is not None and lengths[best] else {}


def _column(rows: Sequence[Any], place: int, name: str) -> list[str]:
    texts = []
    for row in rows:
        value = row.get(name) if isinstance(row, dict) else (row[place] if place < len(row) else "")
        try:
            texts.append(as_text(value))
        except TypeError:
            continue
    return texts


def _sample(inferred: Inferred, count: int) -> list[Item | Bad]:
    return list(islice(READERS[inferred.layout.format].read(inferred.head, inferred.layout), count))


def _preview(inferred: Inferred, task: str) -> list[dict[str, Any]]:
    return [_shown(each, inferred.layout, task) for each in _sample(inferred, PREVIEW_ROWS)]


def _shown(found: Item | Bad, layout: Layout, task: str) -> dict[str, Any]:
    try:
        if isinstance(found, Bad):
            raise Refused(found.problem)
        return {"line": found.line, "values": list(texts_of(found, layout, task).values())}
    except Refused as refused:
        return {"line": refused.problem.line, "problem": refused.problem.to_json()}


def _messages(inferred: Inferred, missing: list[str]) -> list[dict[str, str]]:
    messages = []
    if missing:
        text, hint = _missing_words(inferred, missing), "Choose the columns by hand."
        messages.append({"code": "columns.missing", "level": "error", "message": text, "hint": hint})
    if inferred.encoding_sure == "guess":
        text = f"the encoding looks like {inferred.layout.encoding}, but that is a guess"
        hint = "Check the preview, or choose another one."
        messages.append({"code": "encoding.guess", "level": "warning", "message": text, "hint": hint})
    return messages


def _missing_words(inferred: Inferred, missing: list[str]) -> str:
    names = ", ".join(repr(name) for name in inferred.layout.columns[:20])
    return f"no column for {' and '.join(missing)} was found among {names or 'none'}"
