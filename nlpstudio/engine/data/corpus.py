"""What is counted of a corpus while it is imported: documents, lines, languages, and what cleaning took out."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from typing import Any

from nlpstudio.engine.data.facts import Facts
from nlpstudio.engine.data.rows import CorpusRow

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]+")
_KANA = re.compile("[\u3040-\u30ff]+")
_HANGUL = re.compile("[\uac00-\ud7af]+")
_CYRILLIC = re.compile("[\u0400-\u04ff]+")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]+")
_ENGLISH = re.compile(r"\b(?:the|of|and|to|is|in|that|was)\b", re.IGNORECASE)
LOOKED_AT = 4_000
"""Characters of a document that its language is told by."""


class CorpusFacts(Facts):
    """A document that repeats an earlier one is left out and counted; nothing of it is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = self.inputs
        self.lines = array("i")
        self.languages: Counter[str] = Counter()
        self.language_characters: Counter[str] = Counter()
        self.taken_out: Counter[str] = Counter()
        self._seen: set[int] = set()

    def admits(self, row: CorpusRow) -> bool:
        self.taken_out["repeated_lines"] += row.cleaning.repeated_lines
        self.taken_out["wordless_lines"] += row.cleaning.wordless_lines
        self.taken_out["characters"] += row.cleaning.characters
        text = hash(row.text)
        if text in self._seen:
            self.taken_out["repeated_documents"] += 1
            return False
        self._seen.add(text)
        return True

    def take(self, row: CorpusRow) -> None:
        self.inputs.append(hash(row.text))
        self.targets.append(0)
        self.label_counts.append(0)
        self.lines.append(row.text.count("\n") + 1)
        language = language_of(row.text[:LOOKED_AT])
        self.languages[language] += 1
        self.language_characters[language] += len(row.text)
        self._measure(row.text)

    def described(self) -> dict[str, Any]:
        """`corpus`: {"documents", "lines", "characters", "languages" [{"code", "documents", "characters"}], "taken_out"}."""
        languages = [
            {"code": code, "documents": self.languages[code], "characters": count}
            for code, count in self.language_characters.most_common()
        ]
        return {
            "documents": len(self),
            "lines": sum(self.lines),
            "characters": sum(self.chars),
            "languages": languages,
            "taken_out": {
                name: self.taken_out[name]
                for name in ("repeated_documents", "repeated_lines", "wordless_lines", "characters")
            },
        }


def language_of(text: str) -> str:
    """The language of a text by its script: "zh", "ja", "ko", "ru", "en", "latin" (another one), "other"."""
    if text.isascii():
        return _latin(text)
    sizes = {name: _size(pattern, text) for name, pattern in _SCRIPTS.items()}
    best = max(sizes, key=lambda name: sizes[name])
    if sizes[best] == 0:
        return "other"
    if best in ("zh", "ja"):
        return "ja" if sizes["ja"] > 0.1 * sizes["zh"] else "zh"
    if best == "latin" and 2 * sizes["zh"] > sizes["latin"]:  # a Chinese character says as much as a short word
        return "zh"
    return _latin(text) if best == "latin" else best


_SCRIPTS = {"zh": _HAN, "ja": _KANA, "ko": _HANGUL, "ru": _CYRILLIC, "latin": _LATIN}


def _size(pattern: re.Pattern[str], text: str) -> int:
    return len(text) - len(pattern.sub("", text))


def _latin(text: str) -> str:
    if not _LATIN.search(text):
        return "other"
    return "en" if _ENGLISH.search(text) else "latin"
