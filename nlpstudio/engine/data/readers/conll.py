"""CoNLL columns: a token a line with its tags beside it, an empty line after each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nlpstudio.engine.data.lines import forbidden, numbered_lines, printable
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout, Reader
from nlpstudio.engine.data.source import Part

MAX_TOKENS = 50_000
DOCUMENT_START = "-DOCSTART-"
UNIVERSAL_WIDTH = 10

_NOT_A_WORD = re.compile(r"\d+[-.]\d+$")  # CoNLL-U: "1-2" a multi-word surface form, "1.1" an empty node


def read(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """Sentences as {"tokens", "tags", "lines"}. One bad line costs its whole sentence."""
    sentence = _Sentence(layout)
    header = layout.header
    for number, text in numbered_lines(part.open(), layout.encoding):
        if header:
            header = False
        elif not text.strip():
            yield from sentence.close()
        elif is_comment(text, layout) or text.startswith(DOCUMENT_START):
            continue
        else:
            sentence.add(number, text)
    yield from sentence.close()


def cells(text: str, delimiter: str) -> list[str]:
    """The columns of one line; an empty delimiter stands for any run of blanks."""
    return text.split(delimiter) if delimiter else text.split()


def is_comment(text: str, layout: Layout) -> bool:
    """`# key = value` lines; a token that is a hash sign has as many columns as the others."""
    if not text.startswith("#"):
        return False
    if " = " in text and "\t" not in text:
        return True
    return len(cells(text, layout.delimiter)) == 1


class _Sentence:
    """The lines of one sentence as they come in."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._token, self._tag = layout.index("tokens"), layout.index("tags")
        self._width = len(layout.columns)
        self._clear()

    def _clear(self) -> None:
        self._problem: Problem | None = None
        self._raw: list[str] = []
        self._tokens: list[str] = []
        self._tags: list[str] = []
        self._lines: list[int] = []

    def add(self, number: int, text: str) -> None:
        if len(self._raw) <= MAX_TOKENS:
            self._raw.append(text)
        if self._problem is not None:
            return
        row = cells(text, self._layout.delimiter)
        self._problem = self._check(number, text, row)
        if self._problem is not None or (self._width == UNIVERSAL_WIDTH and _NOT_A_WORD.match(row[0])):
            return
        self._tokens.append(row[self._token])
        self._tags.append(row[self._tag])
        self._lines.append(number)

    def _check(self, number: int, text: str, row: list[str]) -> Problem | None:
        if not text.isprintable():
            problem = forbidden(text, number, self._layout.columns[self._token])
            if problem is not None:
                return problem
        if len(row) != self._width:
            return Problem(
                line=number,
                column="",
                code="columns.count",
                message=f"has {len(row)} column{'s' if len(row) != 1 else ''} instead of {self._width}",
                value=printable(text),
                fix="Give the token and its tag, and an empty line between sentences.",
            )
        if len(self._tokens) >= MAX_TOKENS:
            return Problem(
                line=number,
                column="",
                code="sentence.too_long",
                message=f"the sentence has more than {MAX_TOKENS:,} tokens",
                fix="Put an empty line between sentences.",
            )
        return None

    def close(self) -> Iterator[Item | Bad]:
        if self._raw:
            raw = "\n".join(self._raw) + "\n"
            if self._problem is not None:
                yield Bad(self._problem, raw)
            elif self._tokens:
                value = {"tokens": self._tokens, "tags": self._tags, "lines": self._lines}
                yield Item(self._lines[0], value, raw)
            self._clear()


CONLL = Reader(name="conll", suffixes=(".conll", ".conllu", ".bio", ".iob", ".bmes"), read=read, rejected=".conll")
