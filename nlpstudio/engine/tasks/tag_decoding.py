"""From scores of tags to tags: the likeliest sequence in which every inside tag continues its own entity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlpstudio.engine.tasks.alignment import Alignment

Scores = NDArray[np.float32]
OUTSIDE = "O"


class Tagset:
    """The outputs of a tagger. Plain tags (such as parts of speech) may follow each other in any order.

    `before[j]` are the only tags that may stand before tag j, or None when all may, the sentence's start included.
    An inside tag whose type has no beginning tag is free: the model was trained on such tags elsewhere.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.spans = any(label[:2] in ("B-", "I-") for label in labels) and all(
            label == OUTSIDE or label[:2] in ("B-", "I-") for label in labels
        )
        index = {label: number for number, label in enumerate(self.labels)}
        self.before: list[tuple[int, ...] | None] = [None] * len(self.labels)
        for label, number in index.items():
            if self.spans and label.startswith("I-") and f"B-{label[2:]}" in index:
                self.before[number] = (index[f"B-{label[2:]}"], number)
        self._free = np.array([each is None for each in self.before])

    def best(self, scores: Scores) -> list[int]:
        """The legal sequence of the greatest sum, from log-probabilities [tokens, tags] (Viterbi, 1967)."""
        if not len(scores):
            return []
        choice = scores.argmax(axis=1)
        if self._is_legal(choice):
            return [int(tag) for tag in choice]
        bound = [(number, np.array(allowed)) for number, allowed in enumerate(self.before) if allowed is not None]
        total = np.where(self._free, scores[0], -np.inf).astype(np.float64)
        back = np.zeros(scores.shape, dtype=np.int64)
        for token in range(1, len(scores)):
            back[token] = total.argmax()
            for number, allowed in bound:
                back[token, number] = allowed[total[allowed].argmax()]
            total = total[back[token]] + scores[token]
        path = [int(total.argmax())]
        for token in range(len(scores) - 1, 0, -1):
            path.append(int(back[token, path[-1]]))
        return path[::-1]

    def _is_legal(self, tags: NDArray[np.int64]) -> bool:
        bound = np.flatnonzero(~self._free[tags])
        return all(at > 0 and tags[at - 1] in (self.before[tags[at]] or ()) for at in bound.tolist())

    def complete(self, decoded: Sequence[str], alignment: Alignment) -> list[str]:
        """A tag for every token, from those of the tokens that have a piece of their own.

        A token inside another's piece goes on with that one's entity. One that the tokenizer dropped lies inside
        an entity when the next token goes on with it, and outside of any else; a plain tag is its neighbour's.
        """
        given = iter(decoded)
        tags: list[str | None] = [next(given) if piece >= 0 else None for piece in alignment.first.tolist()]
        filled: list[str] = []
        for token, tag in enumerate(tags):
            if tag is None:
                earlier = filled[-1] if filled else ""
                later = next((other for other in tags[token + 1 :] if other is not None), "")
                tag = self._filled(earlier, later, shared=token in alignment.shared)
            filled.append(tag)
        return filled

    def _filled(self, earlier: str, later: str, *, shared: bool) -> str:
        if not self.spans:
            return OUTSIDE if OUTSIDE in self.labels else earlier or later or self.labels[0]
        inside = f"I-{earlier[2:]}"
        goes_on = earlier[:2] in ("B-", "I-") and inside in self.labels
        return inside if goes_on and (shared or later == inside) else OUTSIDE


def spans_of(tags: Sequence[str], *, spans: bool) -> list[tuple[str, int, int]]:
    """(type, first token, token after the last) in order, runs of `O` too; a plain tag is a span of one token."""
    found: list[tuple[str, int, int]] = []
    for token, tag in enumerate(tags):
        kind = tag[2:] if spans and tag != OUTSIDE else tag
        goes_on = spans and not tag.startswith("B-") and bool(found) and found[-1][0] == kind
        if goes_on:
            found[-1] = (kind, found[-1][1], token + 1)
        else:
            found.append((kind, token, token + 1))
    return found


def completed(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels with O and an inside tag for each beginning one and the reverse, O first; plain tags as they are."""
    if not Tagset(labels).spans:
        return tuple(labels)
    kinds = sorted({label[2:] for label in labels if label != OUTSIDE})
    return (OUTSIDE, *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI"))
