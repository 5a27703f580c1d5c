"""What a file seems to be, from its first bytes: never raises for odd content, says what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from nlpstudio.engine.data.layout import Inferred, infer
from nlpstudio.engine.data.lines import printable
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.parsing import Parsed, parse
from nlpstudio.engine.data.readers import delimited
from nlpstudio.engine.data.readers.shape import Bad
from nlpstudio.engine.data.source import Part, open_parts
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.jsonable import Jsonable

PREVIEW_ROWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed(Jsonable):
    """A first look at a file.

    `encoding_sure` is "certain" (byte order mark, chosen, or strict UTF-8 so far), "likely" or
    "guess". `columns` are the names of the columns ("0", "1", … without a header), `guessed` maps
    roles of the task to them, `missing` lists needed roles for which no column was found.
    `raw_lines` are the first ten lines as they are. `preview` holds up to five of {"record": …} or
    {"problem": …}. `messages` are {"code", "level": "info" | "warning" | "error", "message", "hint"};
    `usable` is false when an import with these settings cannot work.
    """

    task: str
    format: str | None = None
    encoding: str | None = None
    encoding_sure: str = "guess"
    delimiter: str | None = None
    quoting: bool | None = None
    header: bool | None = None
    columns: list[str] = field(default_factory=list)
    guessed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    raw_lines: list[str] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    usable: bool = True


def sniff(path: Path, task: str, options: ImportOptions | None = None, *, name: str | None = None) -> Sniffed:
    """Look at the first 256 KB of a file. Reads no more of a text file, raises nothing for odd content.

    `name` is the file's name as the person knows it, when `path` is called otherwise. Workbooks and
    Parquet files are opened whole, because their index is at the end.
    """
    options = options or ImportOptions(task=task)
    try:
        part = open_parts(path, name or path.name, many=task == "pretraining")[0]
        inferred = infer(part, options, whole=False)
        preview = _preview(inferred, options)
    except EngineError as error:
        message = _message(error.code, "error", error.message, error.hint)
        return Sniffed(task=task, messages=[message], usable=False)
    layout = inferred.layout
    tabular = layout.format in ("tsv", "csv")
    return Sniffed(
        task=task,
        format=layout.format,
        encoding=layout.encoding or None,
        encoding_sure=inferred.encoding_sure,
        delimiter=layout.delimiter if tabular or layout.format == "conll" else None,
        quoting=layout.quoting if tabular else None,
        header=layout.header if tabular or layout.format in ("xlsx", "conll") else None,
        columns=list(layout.columns),
        guessed=dict(layout.roles),
        missing=inferred.missing,
        raw_lines=[printable(line) for line in inferred.head_lines],
        preview=[_shown(parsed) for parsed in preview],
        messages=_messages(inferred, preview, part),
        usable=not inferred.missing,
    )


def _preview(inferred: Inferred, options: ImportOptions) -> list[Parsed]:
    if inferred.missing:
        return []
    return list(islice(parse(inferred.head, inferred.layout, options), PREVIEW_ROWS))


def _shown(parsed: Parsed) -> dict[str, Any]:
    if parsed.row is None:
        return {"problem": parsed.problems[0].to_json()}
    return {"record": parsed.row.to_record()}


def _messages(inferred: Inferred, preview: list[Parsed], part: Part) -> list[dict[str, str]]:
    messages = list(inferred.messages)
    if inferred.missing:
        names = ", ".join(repr(name) for name in inferred.layout.columns[:20])
        text = f"no column for {' and '.join(inferred.missing)} was found among {names or 'none'}"
        messages.append(_message("columns.missing", "error", text, "Choose the columns by hand."))
    if inferred.encoding_sure == "guess":
        text = f"the encoding looks like {inferred.layout.encoding}, but that is a guess"
        messages.append(_message("encoding.guess", "warning", text, "Check the preview, or choose another one."))
    if preview and all(parsed.row is None for parsed in preview):
        text = "none of the first rows can be used"
        messages.append(_message("preview.bad", "warning", text, "Check the format and the columns."))
    return messages + _quote_messages(inferred)


def _quote_messages(inferred: Inferred) -> list[dict[str, str]]:
    """Read the head both ways: when quotes join lines, a person must know."""
    layout = inferred.layout
    if layout.format not in ("tsv", "csv") or not layout.quoting:
        return []
    found = list(islice(delimited.records(inferred.head, layout), 5_000))
    broken = sum(isinstance(item, Bad) and item.problem.code.startswith("quote.") for item in found)
    joined = sum(item.raw.count("\n") for item in found if not isinstance(item, Bad))
    messages = []
    if joined:
        text = f"quotes join {joined} lines to earlier ones: {len(found)} records in {len(found) + joined} lines"
        messages.append(_message("quotes.multiline", "info", text, "Turn quoting off if each line is a row."))
    if broken > 1:
        text = f"{broken} lines have quotes that do not fit"
        messages.append(
            _message("quotes.broken", "warning", text, "Turn quoting off if quotes are ordinary characters.")
        )
    return messages


def _message(code: str, level: str, message: str, hint: str) -> dict[str, str]:
    return {"code": code, "level": level, "message": message, "hint": hint}
