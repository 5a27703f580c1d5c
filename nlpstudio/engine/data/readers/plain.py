"""Plain text: a sentence or paragraph a line, an empty line between documents."""

from __future__ import annotations

from collections.abc import Iterator

from nlpstudio.engine.data.lines import numbered_lines
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout, Reader
from nlpstudio.engine.data.source import Part

EACH_LINE = "\n"
"""`Layout.delimiter` of a file in which each line is a document of its own."""
MAX_LINES = 5_000
MAX_CHARACTERS = 500_000


def read(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """Documents as {"text"}. One that is longer than memory should hold goes on as the next document."""
    lines: list[str] = []
    first = characters = 0
    each = layout.delimiter == EACH_LINE
    for number, text in numbered_lines(part.open(), layout.encoding):
        blank = not text.strip()
        if lines and (blank or each or len(lines) >= MAX_LINES or characters + len(text) > MAX_CHARACTERS):
            yield _document(first, lines)
            lines, characters = [], 0
        if not blank:
            first = number if not lines else first
            lines.append(text)
            characters += len(text)
    if lines:
        yield _document(first, lines)


def _document(first: int, lines: list[str]) -> Item:
    text = "\n".join(lines)
    return Item(first, {"text": text}, text + "\n")


PLAIN = Reader(name="text", suffixes=(".txt", ".text", ".md"), read=read, keyed=True, rejected=".txt")
