"""The engine's English sentences in the language of the page: each is found again by its pattern.

The engine speaks English and knows no Django, and what it said is stored. An app lists the sentences it
shows, marked by `gettext_noop`, with `%(name)s` where the engine puts values in; so they are in the catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.utils.translation import get_language, gettext

_VALUE = re.compile(r"%\((\w+)\)[sd]")
_WORDS = frozenset({"sentence", "fix", "what", "why", "labels"})
"""Values of these names are words of the engine too."""


class Sentences:
    """Sentences by pattern, tried in their order: the narrower first."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._compiled = [(pattern, _compile(pattern)) for pattern in self.patterns]
        self._find = lru_cache(maxsize=1024)(self._search)

    def translated(self, sentence: str) -> str:
        """The sentence in the active language; as it is when it is none of these."""
        if (get_language() or "en").startswith("en"):
            return sentence
        found = self._find(sentence)
        if found is None:
            return sentence
        pattern, values = found
        words = {name: self.translated(value) if name in _WORDS else value for name, value in values.items()}
        return _VALUE.sub(r"%(\1)s", gettext(pattern)) % words  # what was a number is text by now

    def knows(self, sentence: str) -> bool:
        """Whether one of the patterns fits."""
        return self._find(sentence) is not None

    def _search(self, sentence: str) -> tuple[str, Mapping[str, str]] | None:
        for pattern, compiled in self._compiled:
            if match := compiled.fullmatch(sentence):
                return pattern, match.groupdict()
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    pieces = _VALUE.split(pattern)  # text, name, text, name, …, text
    found = [re.escape(piece.replace("%%", "%")) for piece in pieces]
    found[1::2] = [f"(?P<{name}>.+?)" for name in pieces[1::2]]
    return re.compile("".join(found), re.DOTALL)
