"""Workbooks (.xlsx, .xls, .ods): the first sheet that holds anything, a row a record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import python_calamine as calamine

from nlpstudio.engine.data.lines import forbidden
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout, Reader
from nlpstudio.engine.data.readers.values import as_text
from nlpstudio.engine.data.source import Part
from nlpstudio.engine.errors import UnreadableFile

MAX_BYTES = 64 * 1024**2


def read(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """Rows as cells of text; whole numbers lose their ".0", empty rows are skipped."""
    header = layout.header
    for item in records(part):
        if header:
            header = False
            continue
        problems = (forbidden(cell, item.line, name) for cell, name in zip(item.value, layout.columns, strict=False))
        problem = next(filter(None, problems), None)
        yield item if problem is None else Bad(problem, item.raw)


def records(part: Part) -> Iterator[Item]:
    """All rows that hold anything, the header among them; `line` is the row's number in the sheet."""
    with part.on_disk(MAX_BYTES) as path:
        for number, row in enumerate(first_sheet(path, part.name).iter_rows(), start=1):
            cells = [as_text(cell) for cell in row]
            if any(cells):
                yield Item(number, cells, "\t".join(" ".join(cell.split()) for cell in cells))


def first_sheet(path: Path, name: str) -> Any:
    """The first sheet that holds anything, its cells as they are typed. Raises `UnreadableFile`."""
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        for index in range(len(book.sheet_names)):
            sheet = book.get_sheet_by_index(index)
            if sheet.height:
                return sheet
    except (calamine.CalamineError, OSError) as error:
        raise UnreadableFile(
            f"the workbook {name} cannot be opened: {error}", hint="Save it as .xlsx or .csv."
        ) from error
    raise UnreadableFile(f"the workbook {name} is empty", hint="Put the rows on its first sheet.")


XLSX = Reader(name="xlsx", suffixes=(".xlsx", ".xls", ".ods", ".xlsm"), read=read, text=False, rejected=".tsv")
