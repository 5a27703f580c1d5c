"""A workbook written row by row: one sheet, texts as texts (never formulas), numbers and dates as such.

Office Open XML, ECMA-376 part 1, with inline strings, so that nothing has to be kept until the end.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from nlpstudio.engine.batch.answers import as_cell
from nlpstudio.engine.data.readers import spreadsheet
from nlpstudio.engine.data.source import Part

LONGEST_CELL = 32_767
EPOCH = datetime(1899, 12, 30)

_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_DAY, _MOMENT, _TIME = 1, 2, 3
_FILES = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Predictions" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="4"><xf/>'
    '<xf numFmtId="14" applyNumberFormat="1"/><xf numFmtId="22" applyNumberFormat="1"/>'
    '<xf numFmtId="21" applyNumberFormat="1"/></cellXfs></styleSheet>',
}


def join(part: Part, added: Path, target: Path) -> None:
    """Write the workbook of `part` with the columns of `added`, lines as `table.SheetPart` makes them."""
    with part.on_disk(spreadsheet.MAX_BYTES) as path, added.open(encoding="utf-8") as lines:
        sheet = spreadsheet.first_sheet(path, part.name)
        write(target, _joined(sheet.iter_rows(), (json.loads(line) for line in lines)))


def _joined(rows: Iterable[Sequence[Any]], added: Iterator[list[Any]]) -> Iterator[Sequence[Any]]:
    head = next(added, None)
    values = next(added, None)
    header = head[1:] if head is not None else []
    for number, row in enumerate(rows, start=1):
        if values is not None and values[0] == number:
            yield [*row, *values[1:]]
            values = next(added, None)
        elif header and values is not None and any(cell not in ("", None) for cell in row):
            yield [*row, *header]
            header = []
        else:
            yield row


def write(target: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write `rows` as the only sheet of a new workbook."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in _FILES.items():
            archive.writestr(name, _XML + content)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            for number, row in enumerate(rows, start=1):
                cells = "".join(_cell(value) for value in row)
                sheet.write(f'<row r="{number}">{cells}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c><v>{value!r}</v></c>"
    if isinstance(value, datetime):
        return _dated((value - EPOCH) / timedelta(days=1), _MOMENT)
    if isinstance(value, date):
        return _dated((datetime(value.year, value.month, value.day) - EPOCH).days, _DAY)
    if isinstance(value, time):
        return _dated((value.hour * 3600 + value.minute * 60 + value.second) / 86400, _TIME)
    if isinstance(value, timedelta):
        return _dated(value / timedelta(days=1), _TIME)
    text = _NO_XML.sub(lambda sign: f"_x{ord(sign.group()):04X}_", as_cell(value))[:LONGEST_CELL]
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _dated(days: float, style: int) -> str:
    return f'<c s="{style}"><v>{days!r}</v></c>'
