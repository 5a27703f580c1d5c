"""Cells of tables that people open in a spreadsheet, which must not take what somebody typed for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = re.compile('["\\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]*[-=+@＝＋－＠]')
"""What begins a formula, for a spreadsheet set to Chinese or Japanese in its full-width form too. Blanks before it,
quotes, and what cannot be seen, are dropped by one spreadsheet or another.
"""
BOM = b"\xef\xbb\xbf"
"""At the beginning of a CSV: without it Excel does not take it for UTF-8."""
_BLANKS = str.maketrans(
    {**dict.fromkeys([*range(32), 0x85, 0x2028, 0x2029], " "), 0: ""}
)  # a tab or a line end before a formula hides it from people, not from spreadsheets


def safe(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def csv_line(cells: Iterable[object]) -> bytes:
    """One line of RFC 4180 in UTF-8. Every cell is safe and stays on the line; None is empty."""
    out = io.StringIO()
    csv.writer(out).writerow(safe("" if cell is None else str(cell).translate(_BLANKS)) for cell in cells)
    return out.getvalue().encode("utf-8", "replace")
