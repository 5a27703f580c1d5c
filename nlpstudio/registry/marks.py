"""What is right and what was said, marked over each other in one text."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from nlpstudio.core.marks import Mark, Segment

COLOURS = {"right": 1, "said": 0, "both": 2}


def overlaid(text: str, right: Iterable[Mark], said: Iterable[Mark]) -> list[Segment]:
    """The whole text in segments whose labels are `right`, `said`, `both` or none."""
    layers = {"right": list(right), "said": list(said)}
    cuts = sorted({0, len(text), *(at for marks in layers.values() for each in marks for at in (each.start, each.end))})
    pieces = []
    for start, end in pairwise(cuts):
        over = [name for name, marks in layers.items() if any(m.start <= start and end <= m.end for m in marks)]
        label = "both" if len(over) == len(layers) else "".join(over)
        pieces.append(Segment(text=text[start:end], label=label, colour=COLOURS.get(label, 0)))
    return pieces
