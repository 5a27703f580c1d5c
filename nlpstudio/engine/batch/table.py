"""The same file with columns added: each row's own bytes, then what the model says.

Rows keep their order, their empty lines in between, their line ends and their encoding. A row of the wrong width
is filled up, or its surplus is joined in the last column, so that the added columns stand below their names.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from typing import Protocol

from nlpstudio.engine.batch.answers import Value, as_cell
from nlpstudio.engine.data.readers import delimited
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout
from nlpstudio.engine.data.source import Part

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BLANKS = str.maketrans("\t\r\n", "   ")


class Form(Protocol):
    """Makes the bytes of a result, piece by piece. `suffix` is its file name's ending, None: that of the source."""

    format: str
    suffix: str | None
    encoding: str

    def head(self, added: Sequence[str]) -> bytes: ...

    def row(self, found: Item | Bad, names: Sequence[str], values: Sequence[Value]) -> bytes: ...

    def skip(self, found: Item | Bad) -> None:
        """This row was written by an earlier process."""


class Text:
    """How text becomes bytes again: the file's own mark, encoding and line ends.

    Where a label cannot be written in the file's encoding, the result is UTF-8.
    """

    def __init__(self, part: Part, encoding: str, words: Sequence[str]) -> None:
        head = part.head(1 << 16)
        mark, name = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", ""))
        self.encoding = name or encoding
        self._errors = "surrogatepass" if self.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
        try:
            "".join(words).encode(self.encoding)
        except UnicodeEncodeError:
            mark, self.encoding, self._errors = codecs.BOM_UTF8, "utf-8", "replace"
        self.mark = mark
        text = head.decode(name or encoding, errors="ignore")
        end = next((place for place, sign in enumerate(text) if sign in "\r\n"), len(text))
        self.newline = "\r\n" if text.startswith("\r\n", end) else text[end : end + 1] or "\n"

    def line(self, own: str, added: str = "") -> bytes:
        """One line, or a record of several. `own` is what the file had; in `added` a sign may be replaced."""
        own = own.replace("\n", self.newline) if self.newline != "\n" else own
        try:
            return (own + added + self.newline).encode(self.encoding, self._errors)
        except UnicodeEncodeError:
            return b"".join(
                (_encoded(own, self.encoding, self._errors), (added + self.newline).encode(self.encoding, "replace"))
            )


def _encoded(text: str, encoding: str, errors: str) -> bytes:
    try:
        return text.encode(encoding, errors)
    except UnicodeEncodeError:
        return text.encode(encoding, "replace")


class Delimited:
    """TSV and CSV."""

    suffix: str | None = None

    def __init__(self, part: Part, layout: Layout, words: Sequence[str]) -> None:
        self.format = layout.format
        self._layout = layout
        self._text = Text(part, layout.encoding, words)
        self.encoding = self._text.encoding
        self._head = next(delimited.records(part, layout), None) if layout.header else None
        self._next_line = 1

    def head(self, added: Sequence[str]) -> bytes:
        """The header with the new names; without a header nothing but the mark."""
        if self._head is None:
            return self._text.mark
        blank = self._blank_lines(_line_of(self._head), self._head.raw)
        return self._text.mark + blank + self._text.line(self._head.raw, self._cells(added))

    def row(self, found: Item | Bad, names: Sequence[str], values: Sequence[Value]) -> bytes:
        own = found.raw if isinstance(found, Item) else self._fitted(found.raw)
        blank = self._blank_lines(_line_of(found), found.raw)
        return blank + self._text.line(own, self._cells([as_cell(value) for value in values]))

    def skip(self, found: Item | Bad) -> None:
        self._blank_lines(_line_of(found), found.raw)

    def _blank_lines(self, line: int, raw: str) -> bytes:
        """The empty lines before `line`, which are no rows."""
        missing = max(line - self._next_line, 0)
        self._next_line = line + raw.count("\n") + 1
        return self._text.line("") * missing

    def _cells(self, cells: Sequence[str]) -> str:
        delimiter = self._layout.delimiter
        return "".join(delimiter + self._cell(cell) for cell in cells)

    def _cell(self, cell: str) -> str:
        if not self._layout.quoting:
            cell = cell.translate(_BLANKS)
            if self._layout.delimiter not in cell:
                return cell
        elif not any(sign in cell for sign in (self._layout.delimiter, '"', "\r", "\n")):
            return cell
        return '"' + cell.replace('"', '""') + '"'

    def _fitted(self, raw: str) -> str:
        """A row that could not be read, as wide as the others."""
        width, delimiter = len(self._layout.columns), self._layout.delimiter
        try:
            cells = delimited.quoted_cells(raw, delimiter) if self._layout.quoting else raw.split(delimiter)
        except (delimited.OpenQuote, delimited.StrayQuote):
            cells, raw = [raw], self._cell(raw)
        if len(cells) <= width:
            return raw + delimiter * (width - len(cells))
        surplus = (delimiter if self._layout.quoting else " ").join(cells[width - 1 :])
        return delimiter.join(self._cell(cell) for cell in (*cells[: width - 1], surplus))


class JsonLines:
    """An object a line: the source's own text with keys added, or, from other formats, its values."""

    format = "jsonl"
    suffix: str | None = ".jsonl"

    def __init__(self, part: Part, layout: Layout, words: Sequence[str]) -> None:
        self._is_own = layout.format == "jsonl"
        self.suffix = None if self._is_own else ".jsonl"
        self._text = Text(part, layout.encoding, words) if self._is_own else None
        self.encoding = self._text.encoding if self._text else "utf-8"

    def head(self, added: Sequence[str]) -> bytes:
        return self._text.mark if self._text else b""

    def skip(self, found: Item | Bad) -> None:
        """Lines do not depend on one another."""

    def row(self, found: Item | Bad, names: Sequence[str], values: Sequence[Value]) -> bytes:
        """A line that is no object is kept as text under "line"."""
        added = dict(zip(names, values, strict=True))
        if isinstance(found, Bad):
            kept = {"line": found.raw, **added}
            return self._line(json.dumps(kept))
        if not self._is_own:
            return self._line(json.dumps({**found.value, **added}, default=str))
        body = found.raw.strip()[:-1].rstrip()
        return self._line(body + (", " if found.value else ""), json.dumps(added, ensure_ascii=False)[1:])

    def _line(self, own: str, added: str = "") -> bytes:
        return self._text.line(own, added) if self._text else f"{own}{added}\n".encode()


class SheetPart:
    """What is kept of a workbook's rows until all are answered: line and values, an array a line."""

    format = "xlsx"
    suffix: str | None = ".xlsx"
    encoding = "utf-8"

    def head(self, added: Sequence[str]) -> bytes:
        return json.dumps([0, *added]).encode() + b"\n"

    def skip(self, found: Item | Bad) -> None:
        """Lines do not depend on one another."""

    def row(self, found: Item | Bad, names: Sequence[str], values: Sequence[Value]) -> bytes:
        return json.dumps([_line_of(found), *values]).encode() + b"\n"


def _line_of(found: Item | Bad) -> int:
    return found.line if isinstance(found, Item) else found.problem.line


def form_of(part: Part, layout: Layout, words: Sequence[str]) -> Form:
    """How the result of a file of this layout is written; `words` are what the model may say."""
    if layout.format == "xlsx":
        return SheetPart()
    return Delimited(part, layout, words) if layout.format in ("tsv", "csv") else JsonLines(part, layout, words)
