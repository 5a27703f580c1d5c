"""The result of a batch prediction as a download, for a spreadsheet made safe while it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core import cells
from nlpstudio.core.errors import StudioError
from nlpstudio.core.streaming import attachment, file_attachment
from nlpstudio.demos.models import Batch
from nlpstudio.engine.batch.order import Result
from nlpstudio.engine.data.readers import delimited
from nlpstudio.engine.data.readers.shape import Item, Layout
from nlpstudio.engine.data.source import Part

TABLES = ("tsv", "csv")
CONTENT_TYPES = {
    "tsv": "text/tab-separated-values",
    "csv": "text/csv",
    "jsonl": "application/jsonl",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def result(batch: Batch, *, safe: bool = False) -> StreamingHttpResponse:
    """The file with the answers added.

    `safe` puts an apostrophe before the cells of a text table that a spreadsheet would take for a formula; in a
    workbook every text is marked as one. Raises `StudioError` while there is no result.
    """
    outcome = batch.outcome
    if outcome is None or not batch.is_finished:
        raise StudioError(
            _("This prediction has no result."), hint=_("Wait until its state is finished."), code="batch.not_finished"
        )
    path = batch.folder / "result" / outcome.file
    kind = CONTENT_TYPES.get(outcome.format, "application/octet-stream")
    if safe and outcome.format in TABLES:
        return attachment(_safe(path, outcome), outcome.name, kind)
    return file_attachment(path, outcome.name, kind)


def _safe(path: Path, outcome: Result) -> Iterator[bytes]:
    """The table row by row, in UTF-8 with a mark, which spreadsheets need to show other letters."""
    layout = Layout(
        format=outcome.format, encoding=outcome.encoding, delimiter=outcome.delimiter, quoting=outcome.quoting
    )
    part = Part(name=path.name, open=lambda: path.open("rb"), path=path)
    yield cells.BOM
    for found in delimited.records(part, layout):
        values = found.value if isinstance(found, Item) else _cut(found.raw, outcome)
        line = outcome.delimiter.join(_cell(value, outcome.delimiter) for value in values)
        yield f"{line}\r\n".encode("utf-8", "replace")


def _cut(raw: str, outcome: Result) -> list[str]:
    """The cells of a row that no model could read, such as one with a control character: a spreadsheet opens it all the same."""
    try:
        return delimited.quoted_cells(raw, outcome.delimiter) if outcome.quoting else raw.split(outcome.delimiter)
    except (delimited.OpenQuote, delimited.StrayQuote):
        return [raw]


def _cell(cell: str, delimiter: str) -> str:
    """Quoted even where the file knows no quotes: a spreadsheet takes them off and would run what they hide."""
    cell = cells.safe(cell)
    if any(sign in cell for sign in (delimiter, '"', "\r", "\n")):
        return '"' + cell.replace('"', '""') + '"'
    return cell
