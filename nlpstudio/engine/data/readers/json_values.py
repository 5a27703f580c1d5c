"""JSON in any of its habits: an object a line, a stream of objects, one array, or SQuAD's {"data": […]}.

Objects are cut out of the text one at a time, so a file of any size is read in the memory of its
largest object.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from nlpstudio.engine.data.lines import numbered_lines, open_text, printable
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout, Reader
from nlpstudio.engine.data.source import Part

CHUNK = 1 << 18
MAX_OBJECT = 16 * 1024**2

_OBJECTS = re.compile(r"\[\s*(\{|\]|$)")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|"', re.DOTALL)


def read_lines(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """JSON Lines: a bad line costs only itself."""
    for number, text in numbered_lines(part.open(), layout.encoding):
        if text.strip():
            yield _parsed(text, number)


def read_objects(part: Part, layout: Layout) -> Iterator[Item | Bad]:
    """The objects of an array or a stream, or of the list under the key "data"."""
    cutter = _Cutter()
    with open_text(part.open(), layout.encoding) as text:
        while chunk := text.read(CHUNK):
            for line, piece in cutter.feed(chunk):
                yield _parsed(piece, line)
            if cutter.too_large():
                yield _unclosed(cutter)
                return
    for line, piece in cutter.end():
        yield _parsed(piece, line)
    if cutter.inside():
        yield _unclosed(cutter)


class _Cutter:
    """Finds where objects begin and end: only brackets and strings matter for that."""

    def __init__(self) -> None:
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._depth = 0
        self._level = 0  # the depth at which rows begin: 0 in a stream, 1 in an array, 2 under "data", -1 nowhere
        self._begin: int | None = None
        self._begin_line = 1
        self._last_string = ""
        self._any = False

    def inside(self) -> bool:
        return self._depth > 0

    def too_large(self) -> bool:
        return len(self._buffer) > MAX_OBJECT

    def remains(self) -> tuple[int, str]:
        """Where the object that is not closed begins, and its beginning."""
        return (self._line if self._begin is None else self._begin_line), self._buffer[:1000]

    def feed(self, chunk: str) -> Iterator[tuple[int, str]]:
        """(line, text) of each object that is now whole, and of each piece that belongs to none."""
        self._buffer += chunk
        while (token := _TOKEN.search(self._buffer, self._at)) is not None:
            sign = token.group()
            if sign == '"':  # a string that is not closed yet: wait for more
                break
            between = self._buffer[self._at : token.start()]
            yield from self._stray(between)
            self._line += between.count("\n")
            yield from self._take(sign, token)
            self._line += sign.count("\n")
            self._at = token.end()
        self._drop()

    def end(self) -> Iterator[tuple[int, str]]:
        """What is left after the last object."""
        yield from self._stray(self._buffer[self._at :])

    def _stray(self, text: str) -> Iterator[tuple[int, str]]:
        if self._begin is None and self._depth == self._level < 2 and (stray := text.strip(" \t\r\n,\ufeff")):
            yield self._line + text[: text.index(stray[0])].count("\n"), stray

    def _take(self, sign: str, token: re.Match[str]) -> Iterator[tuple[int, str]]:
        if sign[0] == '"':
            self._last_string = sign
            yield from self._stray(sign)
        elif sign in "{[":
            self._open(sign, token)
        else:
            self._depth = max(self._depth - 1, 0)
            if self._begin is not None and self._depth == self._level:
                yield self._begin_line, self._buffer[self._begin : token.end()]
                self._begin, self._any = None, True
            elif self._begin is None:
                self._leave()

    def _leave(self) -> None:
        """A bracket outside of any row has closed."""
        if self._depth == 0:
            self._level = 0
        elif self._depth < self._level:
            self._level = -1

    def _open(self, sign: str, token: re.Match[str]) -> None:
        if sign == "[" and self._depth == 0:
            self._level = 1
        elif self._opens_data(sign, token):
            self._level, self._begin, self._any = 2, None, True
        elif sign == "{" and self._depth == self._level and self._begin is None:
            self._begin, self._begin_line = token.start(), self._line
        self._depth += 1

    def _opens_data(self, sign: str, token: re.Match[str]) -> bool:
        """Whether this is the list under "data" of the file's first object, and not a value of a row."""
        at_data = sign == "[" and self._depth == 1 and self._level == 0 and self._last_string == '"data"'
        return at_data and not self._any and _OBJECTS.match(self._buffer, token.start()) is not None

    def _drop(self) -> None:
        """Forget the text before the object that is being read."""
        keep = self._at if self._begin is None else self._begin
        self._buffer = self._buffer[keep:]
        self._at -= keep
        self._begin = None if self._begin is None else 0


def _parsed(text: str, line: int) -> Item | Bad:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        inner = getattr(error, "lineno", 1) - 1
        message = getattr(error, "msg", "is nested too deep")
        return Bad(_broken(line + inner, message, text), text)
    if not isinstance(value, dict):
        return Bad(_broken(line, "is not an object", text), text)
    return Item(line, value, text)


def _broken(line: int, message: str, text: str) -> Problem:
    return Problem(
        line=line,
        column="",
        code="json.invalid",
        message=f"is not valid JSON: {message}",
        value=printable(text),
        fix="Write an object in braces, with keys and texts in double quotes.",
    )


def _unclosed(cutter: _Cutter) -> Bad:
    line, text = cutter.remains()
    problem = Problem(
        line=line,
        column="",
        code="json.unclosed",
        message="an object or a list begins here and does not end",
        value=printable(text),
        fix="Check that the file is whole.",
    )
    return Bad(problem, text)


JSONL = Reader(name="jsonl", suffixes=(".jsonl", ".ndjson"), read=read_lines, keyed=True, rejected=".jsonl")
JSON = Reader(name="json", suffixes=(".json",), read=read_objects, keyed=True, rejected=".json")
