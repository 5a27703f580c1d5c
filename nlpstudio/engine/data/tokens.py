"""Between a text and its tokens, in code points: joining tokens to a text, cutting a text into tokens."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

Offsets = tuple[tuple[int, int], ...]

# Scripts written without blanks between words: Han, kana, their punctuation and full-width forms.
UNSPACED = r"\u2e80-\u2fdf\u3001-\u303f\u3040-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"

_UNSPACED = re.compile(f"[{UNSPACED}]")


def join_tokens(tokens: Sequence[str]) -> tuple[str, Offsets]:
    """The text of a sentence and where each token stands in it.

    Tokens are set apart by a blank, except in unspaced scripts: no blank beside such a character,
    nor, in a sentence that has any, between two single characters (character-level data cuts Latin
    words and numbers into letters).
    """
    unspaced = any(_UNSPACED.search(token) for token in tokens)
    pieces: list[str] = []
    offsets: list[tuple[int, int]] = []
    at = 0
    before = ""
    for token in tokens:
        if before and not (unspaced and _close(before, token)):
            pieces.append(" ")
            at += 1
        pieces.append(token)
        offsets.append((at, at + len(token)))
        at += len(token)
        before = token
    return "".join(pieces), tuple(offsets)


def _close(left: str, right: str) -> bool:
    if len(left) == 1 and len(right) == 1:
        return True
    return _UNSPACED.match(left[-1]) is not None or _UNSPACED.match(right[0]) is not None


def cut_tokens(text: str, borders: Iterable[int] = ()) -> Offsets:
    """(start, end) of words, single unspaced characters and signs; every border is a token border.

    Marks stay with the character they belong to, unless a border says otherwise. White space
    belongs to no token.
    """
    cuts = sorted(set(borders))
    offsets: list[tuple[int, int]] = []
    following = 0
    for match in _piece().finditer(text):
        start, end = match.span()
        while following < len(cuts) and cuts[following] <= start:
            following += 1
        while following < len(cuts) and cuts[following] < end:
            offsets.append((start, cuts[following]))
            start = cuts[following]
            following += 1
        offsets.append((start, end))
    return tuple(offsets)


@cache
def _piece() -> re.Pattern[str]:
    """A word, an unspaced character, or a sign with what is joined to it (marks, emoji sequences)."""
    marks = _marks()
    word = rf"(?:(?![{UNSPACED}])\w)(?:(?![{UNSPACED}])[\w{marks}])*"
    tail = rf"(?:[{marks}\U0001f3fb-\U0001f3ff]|\u200d\S)*"
    return re.compile(rf"{word}|[{UNSPACED}][{marks}]*|\S{tail}")


def _marks() -> str:
    """All combining marks, as ranges of a regular expression's character class."""
    points = [point for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point))[0] == "M"]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


def word_count(text: str) -> int:
    """About how many words a person would count: blank-separated runs, and each unspaced character."""
    if text.isascii():
        return len(text.split())
    unspaced = len(_UNSPACED.findall(text))
    return unspaced + len(_UNSPACED.sub(" ", text).split()) if unspaced else len(text.split())
