"""A document of a corpus as it is kept: one form of each character, single blanks, no line without words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from nlpstudio.engine.data.checking import refuse
from nlpstudio.engine.data.lines import forbidden
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.readers.values import as_text
from nlpstudio.engine.data.rows import Cleaning, CorpusRow, Row

# Controls, marks of direction and joining that carry no text, the byte order mark and the replacement character.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff\ufffd]")
_WORD = re.compile(r"\w")


class CorpusChecker:
    """A text, or a list of sentences or paragraphs."""

    def __init__(self, options: ImportOptions) -> None:
        pass

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        given = values.get("text")
        try:
            lines = [as_text(each) for each in given] if isinstance(given, list | tuple) else as_text(given).split("\n")
        except TypeError as error:
            refuse(
                line, "text", "value.not_text", f"the text is no text: {error}", str(given), "Give one text or number."
            )
        text, cleaning = clean(lines)
        if not text:
            refuse(line, "text", "text.empty", "the text is empty", "", "Fill it, or take the row out.")
        if not text.isascii() and (problem := forbidden(text, line, "text")):
            refuse(line, "text", problem.code, problem.message, problem.value, problem.fix)
        return CorpusRow(line=line, text=text, cleaning=cleaning), []


def clean(lines: list[str]) -> tuple[str, Cleaning]:
    """The lines in Unicode's composed form (NFC), a blank for each run of blanks, without repeats of the line before
    and without lines that have no letter, sign or digit; and what was taken out."""
    kept: list[str] = []
    repeated = wordless = characters = 0
    for given in lines:
        line = given
        if not line.isascii():
            line = unicodedata.normalize("NFC", line)
        if not line.isprintable():
            line, removed = _UNWANTED.subn("", line)
            characters += removed
        line = " ".join(line.split())
        if not _WORD.search(line):
            wordless += bool(line)
        elif kept and kept[-1] == line:
            repeated += 1
        else:
            kept.append(line)
    return "\n".join(kept), Cleaning(repeated_lines=repeated, wordless_lines=wordless, characters=characters)
