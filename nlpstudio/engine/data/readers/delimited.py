"""Tables as text, a record a line: TSV where quotes are ordinary characters, CSV where they enclose cells."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from nlpstudio.engine.data.lines import MAX_FIELD, forbidden, numbered_lines, printable
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout, Reader
from nlpstudio.engine.data.source import Part

MAX_RECORD_LINES = 200


class OpenQuote(ValueError):
    """A quoted cell does not end in this text."""


class StrayQuote(ValueError):
    """A closing quote is followed by something else than a delimiter."""


def read(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """Records with as many cells as there are columns; the header is left out, empty lines are skipped."""
    width = len(layout.columns)
    header = layout.header
    for found in records(part, layout):
        if header:
            header = False
            continue
        if type(found) is Item and len(found.value) != width:
            yield _ragged(found, layout)
        else:
            yield found


def records(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """All records, the header among them, of whatever width."""
    lines = numbered_lines(part.open(), layout.encoding)
    return _quoted(lines, layout) if layout.quoting else _plain(lines, layout)


def _plain(lines: Iterator[tuple[int, str]], layout: Layout) -> Iterator[Item | Bad]:
    delimiter = layout.delimiter
    for number, text in lines:
        if not text:
            continue
        cells = text.split(delimiter)
        if not text.isprintable() or len(text) > MAX_FIELD:
            problem = _wrong_cell(cells, number, layout)
            if problem is not None:
                yield Bad(problem, text)
                continue
        yield Item(number, cells, text)


def _quoted(lines: Iterator[tuple[int, str]], layout: Layout) -> Iterator[Item | Bad]:
    """As `_plain`, but a quoted cell may hold delimiters and line ends.

    A quote that is not closed within `MAX_RECORD_LINES` lines costs only its own line: the
    following ones are read again on their own.
    """
    waiting: deque[tuple[int, str]] = deque()
    while True:
        number, text = waiting.popleft() if waiting else next(lines, (0, ""))
        if not number:
            return
        if not text:
            continue
        taken: list[tuple[int, str]] = []
        try:
            cells, text = _record(text, layout.delimiter, waiting, lines, taken)
        except (OpenQuote, StrayQuote) as error:
            waiting.extendleft(reversed(taken))
            yield Bad(_bad_quote(error, number, text), text)
            continue
        problem = _wrong_cell(cells, number, layout)
        yield Item(number, cells, text) if problem is None else Bad(problem, text)


def _record(
    text: str,
    delimiter: str,
    waiting: deque[tuple[int, str]],
    lines: Iterator[tuple[int, str]],
    taken: list[tuple[int, str]],
) -> tuple[list[str], str]:
    """The cells of a record that starts with `text`, and all of its text; lines it needs go to `taken`."""
    while True:
        try:
            return quoted_cells(text, delimiter), text
        except OpenQuote:
            added: list[str] = []
            while not any('"' in line for line in added):
                following = waiting.popleft() if waiting else next(lines, None)
                if following is None or len(taken) >= MAX_RECORD_LINES or len(text) > MAX_FIELD:
                    if following is not None:
                        taken.append(following)
                    raise
                taken.append(following)
                added.append(following[1])
            text = "\n".join((text, *added))


def quoted_cells(text: str, delimiter: str) -> list[str]:
    """Cut a record by RFC 4180. Raises `OpenQuote` or `StrayQuote`."""
    if '"' not in text:
        return text.split(delimiter)
    cells, at = [], 0
    while True:
        if text.startswith('"', at):
            cell, at = _quoted_cell(text, at + 1)
            cells.append(cell)
            if at == len(text):
                return cells
            if text[at] != delimiter:
                raise StrayQuote(at)
            at += 1
        else:
            end = text.find(delimiter, at)
            if end < 0:
                cells.append(text[at:])
                return cells
            cells.append(text[at:end])
            at = end + 1


def _quoted_cell(text: str, start: int) -> tuple[str, int]:
    pieces = []
    while True:
        end = text.find('"', start)
        if end < 0:
            raise OpenQuote(start)
        if not text.startswith('"', end + 1):
            pieces.append(text[start:end])
            return "".join(pieces), end + 1
        pieces.append(text[start : end + 1])
        start = end + 2


def _wrong_cell(cells: list[str], line: int, layout: Layout) -> Problem | None:
    for index, cell in enumerate(cells):
        if cell.isprintable() and len(cell) <= MAX_FIELD:
            continue
        column = layout.columns[index] if index < len(layout.columns) else str(index)
        problem = forbidden(cell, line, column or str(index))
        if problem is not None:
            return problem
    return None


def _ragged(item: Item, layout: Layout) -> Bad:
    expected, found = len(layout.columns), len(item.value)
    sign = {"\t": "tab", ",": "comma", ";": "semicolon"}.get(layout.delimiter, repr(layout.delimiter))
    problem = Problem(
        line=item.line,
        column="",
        code="columns.count",
        message=f"has {found} column{'s' if found != 1 else ''} instead of {expected}",
        value=printable(item.raw),
        fix=f"Put exactly {expected - 1} {sign}{'s' if expected != 2 else ''} in the line.",
    )
    return Bad(problem, item.raw)


def _bad_quote(error: ValueError, line: int, text: str) -> Problem:
    if isinstance(error, OpenQuote):
        code, message = "quote.unclosed", "a quoted cell begins here and does not end"
    else:
        code, message = "quote.stray", "there is text between a closing quote and the next delimiter"
    fix = 'Write a quote inside a quoted cell twice (""), or import with quotes as ordinary characters.'
    return Problem(line=line, column="", code=code, message=message, value=printable(text), fix=fix)


TSV = Reader(name="tsv", suffixes=(".tsv", ".txt", ".tab"), read=read, rejected=".tsv")
CSV = Reader(name="csv", suffixes=(".csv",), read=read, rejected=".csv")
