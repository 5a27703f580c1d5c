"""Attributions laid over the text: how much each word speaks for a decision or against it, in steps of a tint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STEPS = 5
FAINTEST = 0.06
"""Of the strongest word's weight: what is fainter is not tinted."""
STRONGEST = 8
"""Words in the list for those who do not see tints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A piece of a text; `tint` is for-1 … for-5, against-1 … against-5, or empty."""

    text: str
    tint: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """`texts` by field in pieces, `strongest` words first, and what the decision was."""

    texts: list[tuple[str, list[Piece]]]
    strongest: list[Piece]
    gap: float
    score: float
    baseline: float
    steps: int


def lay_out(answer: Mapping[str, Any], inputs: Any) -> Reasons:
    """The page's view of an explanation of `inputs`."""
    given: Mapping[str, str] = inputs if isinstance(inputs, dict) else {"text": inputs}
    words = answer["words"]
    most = max((abs(each["score"]) for row in words.values() for each in row), default=0.0) or 1.0
    texts = [(name, _pieces(given[name], row, most)) for name, row in words.items()]
    marked = [piece for _name, pieces in texts for piece in pieces if piece.tint]
    strongest = sorted(marked, key=lambda piece: -abs(piece.score))[:STRONGEST]
    return Reasons(
        texts=texts, strongest=strongest, **{key: answer[key] for key in ("gap", "score", "baseline", "steps")}
    )


def _pieces(text: str, words: Sequence[Mapping[str, Any]], most: float) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for word in words:
        share = word["score"] / most
        if abs(share) < FAINTEST:
            continue
        if word["start"] > at:
            pieces.append(Piece(text=text[at : word["start"]]))
        step = min(STEPS, 1 + int(abs(share) * STEPS))
        tint = f"{'for' if share > 0 else 'against'}-{step}"
        pieces.append(Piece(text=text[word["start"] : word["end"]], tint=tint, score=word["score"]))
        at = word["end"]
    if at < len(text):
        pieces.append(Piece(text=text[at:]))
    return pieces
