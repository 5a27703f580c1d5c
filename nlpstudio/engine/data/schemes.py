"""Tag schemes (IOB1, IOB2, BIOES, BILOU, BMES) and their one normal form, IOB2.

IOB1 and IOB2 after Tjong Kim Sang and Veenstra, "Representing Text Chunks" (EACL 1999); BILOU
after Ratinov and Roth, "Design Challenges and Misconceptions in NER" (CoNLL 2009).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PLAIN, IOB1, IOB2, BIOES = "plain", "iob1", "iob2", "bioes"

_TAG = re.compile(r"([BIEMSLU])[-_](.+)", re.DOTALL)
_ENDS, _SINGLES = frozenset("EL"), frozenset("SU")


class UnknownTag(ValueError):
    """A tag does not belong to the file's scheme; `index` is its place in the sentence."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(frozen=True, slots=True)
class Repair:
    """At `index` the sequence was illegal; `was` became `now`."""

    index: int
    was: str
    now: str
    why: str


def detect_scheme(sentences: Iterable[Sequence[str]]) -> str:
    """The scheme of some sentences' tags.

    `plain` unless nearly all tags are `O` or prefixed. IOB1 is told from IOB2 by `B-`: in IOB1 it
    only stands between neighbours of one type.
    """
    known = total = begins = insides = 0
    prefixes: set[str] = set()
    for tags in sentences:
        before: str | None = None
        for tag in tags:
            match = _TAG.fullmatch(tag)
            total += 1
            known += match is not None or tag == "O"
            if match is not None:
                prefix, kind = match.groups()
                prefixes.add(prefix)
                begins += prefix == "B" and before != kind
                insides += prefix == "I" and before != kind
            before = match.group(2) if match is not None else None
    if not prefixes or known < 0.8 * total:
        return PLAIN
    if prefixes & set("ELSUM"):
        return BIOES
    return IOB1 if insides and not begins else IOB2


def to_iob2(tags: Sequence[str], scheme: str) -> tuple[tuple[str, ...], list[Repair]]:
    """The same entities as IOB2 tags, and what had to be repaired. Raises `UnknownTag`.

    Repairs are those of seqeval's default reading: an entity begins where an inside or end tag
    finds none of its type open, and ends where the next one begins.
    """
    if scheme == PLAIN:
        if "" in tags:
            raise UnknownTag(list(tags).index(""))
        return tuple(tags), []
    machine = _Machine(scheme)
    for index, tag in enumerate(tags):
        machine.read(index, tag)
    machine.close(len(tags) - 1)
    return tuple(machine.out), machine.repairs


class _Machine:
    """Reads one sentence's tags from left to right with at most one entity open."""

    def __init__(self, scheme: str) -> None:
        self._closing = scheme == BIOES
        self._lenient = scheme == IOB1
        self._open: str | None = None
        self._last = ""
        self.out: list[str] = []
        self.repairs: list[Repair] = []

    def read(self, index: int, tag: str) -> None:
        if tag == "O":
            self.close(index - 1)
            self.out.append("O")
            return
        match = _TAG.fullmatch(tag)
        if match is None:
            raise UnknownTag(index)
        prefix, kind = match.groups()
        begins = prefix == "B" or prefix in _SINGLES
        if begins or self._open != kind:
            self.close(index - 1)
            self.out.append(f"B-{kind}")
            if not begins and not self._lenient:
                self.repairs.append(Repair(index, tag, f"B-{kind}", "no entity of its type is open"))
        else:
            self.out.append(f"I-{kind}")
        self._open = None if prefix in _ENDS or prefix in _SINGLES else kind
        self._last = tag

    def close(self, index: int) -> None:
        """The open entity ends at `index`, which a scheme with end tags should have said."""
        if self._open is not None and self._closing:
            self.repairs.append(Repair(index, self._last, self.out[-1], "the entity has no end tag"))
        self._open = None
