"""Texts with marked passages, cut into segments that a template can print one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

COLOURS = 8
"""How many tints the palette has; further types take them in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """`text[start:end]` in code points, what it is called, and how sure the model is."""

    start: int
    end: int
    label: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a text; `label` is empty between marks."""

    text: str
    label: str = ""
    colour: int = 0
    score: float | None = None


def segments(text: str, marks: Iterable[Mark], types: Sequence[str] = ()) -> list[Segment]:
    """The whole text in order. A mark that overlaps an earlier one, or is empty, is left out.

    `types` gives each label its colour by its place.
    """
    pieces: list[Segment] = []
    at = 0
    for mark in sorted(marks, key=lambda each: (each.start, -each.end)):
        if mark.start < at or mark.end <= mark.start or mark.end > len(text):
            continue
        if mark.start > at:
            pieces.append(Segment(text=text[at : mark.start]))
        colour = colour_of(mark.label, types)
        pieces.append(Segment(text=text[mark.start : mark.end], label=mark.label, colour=colour, score=mark.score))
        at = mark.end
    if at < len(text):
        pieces.append(Segment(text=text[at:]))
    return pieces


def colour_of(label: str, types: Sequence[str]) -> int:
    """Which tint of the palette the label has, from 0 on."""
    return types.index(label) % COLOURS if label in types else 0


def entity_types(labels: Iterable[str]) -> list[str]:
    """The types behind tags such as B-PER and I-PER, sorted; plain tags are their own types."""
    return sorted({tag[2:] if tag[:2] in ("B-", "I-") else tag for tag in labels} - {"O"})


def marks_of_tags(starts: Sequence[int], ends: Sequence[int], tags: Sequence[str]) -> list[Mark]:
    """The marks that IOB2 tags (or plain ones) over tokens make: a plain tag marks its own token."""
    marks: list[Mark] = []
    open_at: tuple[int, int, str] | None = None
    for start, end, tag in zip(starts, ends, tags, strict=False):
        if open_at is not None and tag == f"I-{open_at[2]}":
            open_at = (open_at[0], end, open_at[2])
            continue
        if open_at is not None:
            marks.append(Mark(start=open_at[0], end=open_at[1], label=open_at[2]))
        open_at = None if tag == "O" else (start, end, tag[2:] if tag[:2] in ("B-", "I-") else tag)
    if open_at is not None:
        marks.append(Mark(start=open_at[0], end=open_at[1], label=open_at[2]))
    return marks
