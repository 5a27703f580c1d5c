"""Numbered lines of a text file of any size, and what may not stand in one."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.errors import UnreadableFile

MAX_FIELD = 1_000_000
MAX_LINE = 4_000_000

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def open_text(stream: BinaryIO, encoding: str) -> io.TextIOWrapper:
    """The stream as text with `\\n` line ends. Bytes that do not decode become lone surrogates, found by `forbidden`."""
    wide = encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
    return io.TextIOWrapper(stream, encoding, errors="surrogatepass" if wide else "surrogateescape", newline=None)


def numbered_lines(stream: BinaryIO, encoding: str) -> Iterator[tuple[int, str]]:
    """(number from 1, text without its end). `\\n`, `\\r\\n` and `\\r` end a line, nothing else does.

    Of a line longer than `MAX_LINE` only the first `MAX_LINE` + 1 characters are given.
    """
    with open_text(stream, encoding) as text:
        number = 0
        while True:
            try:
                line = text.readline(MAX_LINE + 1)
            except UnicodeError as error:
                raise UnreadableFile(
                    f"the text does not decode as {encoding} after line {number}: {error}",
                    hint="Choose another encoding, or save the file as UTF-8.",
                ) from error
            if not line:
                return
            number += 1
            if number == 1:
                line = line.removeprefix("\ufeff")
            if line.endswith("\n"):
                yield number, line[:-1]
            else:
                if len(line) > MAX_LINE:
                    _skip_rest(text)
                yield number, line


def _skip_rest(text: io.TextIOWrapper) -> None:
    while True:
        more = text.readline(1 << 16)
        if not more or more.endswith("\n"):
            return


def forbidden(text: str, line: int, column: str = "") -> Problem | None:
    """What no text may hold: control characters, bytes that did not decode, halves of characters, too much of it."""
    found = _CONTROL.search(text)
    if found is not None:
        return Problem(
            line=line,
            column=column,
            code="text.control_character",
            message=f"holds the control character U+{ord(found.group()):04X} at character {found.start() + 1}",
            value=printable(text),
            fix="Take the character out.",
        )
    if not text.isascii():
        half = _SURROGATE.search(text)
        if half is not None:
            return _undecoded(text, line, column, half)
    if len(text) > MAX_FIELD and (len(text) > MAX_LINE or column):
        return Problem(
            line=line,
            column=column,
            code="field.too_long",
            message=f"is longer than {MAX_FIELD if column else MAX_LINE:,} characters",
            value=printable(text),
            fix="Cut the text, or look for a missing line end.",
        )
    return None


def _undecoded(text: str, line: int, column: str, half: re.Match[str]) -> Problem:
    code_point = ord(half.group())
    if 0xDC80 <= code_point <= 0xDCFF:
        code, message = "encoding.invalid", f"has the byte 0x{code_point - 0xDC00:02X}, which is wrong in this encoding"
        fix = "Save the file as UTF-8, or choose its real encoding."
    else:
        code, message = "text.surrogate", f"has half a character (U+{code_point:04X})"
        fix = "Write the whole character."
    return Problem(
        line=line,
        column=column,
        code=code,
        message=f"{message} at character {half.start() + 1}",
        value=printable(text),
        fix=fix,
    )


def printable(text: str) -> str:
    """The beginning of a text in a form that can be stored and shown."""
    head = text[:250]
    return _SURROGATE.sub("�", _CONTROL.sub("�", head))
