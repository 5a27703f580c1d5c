"""The best answer spans of a context over all its windows, and how sure the model is that there is none.

As in Devlin et al. 2019 a span's score is the sum of its start and end logits, the same sum at the classification
token stands for "no answer"; over windows the largest counts for a span and the smallest for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """`context[start:end]` in code points, with the sum of its logits."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The candidates of one question, best first, the score of "no answer", and the loss where the answer is known."""

    candidates: tuple[Candidate, ...]
    no_answer: float
    loss: float | None = None

    @property
    def no_answer_margin(self) -> float:
        """By how much "no answer" beats the best span."""
        return self.no_answer - self.candidates[0].score if self.candidates else np.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One window: logits [pieces, 2] of start and end, the places [pieces] of its pieces, and the logit sum of none.

    A piece whose `ends` equals its `starts` cannot bound an answer.
    """

    logits: Logits
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]
    no_answer: float


def search(windows: Sequence[Scored], *, longest: int, count: int) -> Found:
    """The `count` best spans of at most `longest` pieces."""
    best: dict[tuple[int, int], float] = {}
    for window in windows:
        for first, last, score in best_spans(window.logits, window.ends > window.starts, longest, count):
            place = int(window.starts[first]), int(window.ends[last])
            if place[0] < place[1]:
                best[place] = max(score, best.get(place, -np.inf))
    ordered = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:count]
    candidates = tuple(Candidate(start=start, end=end, score=score) for (start, end), score in ordered)
    return Found(candidates=candidates, no_answer=min(window.no_answer for window in windows))


def best_spans(logits: Logits, allowed: NDArray[np.bool_], longest: int, count: int) -> list[tuple[int, int, float]]:
    """(first, last, score) of the best spans in [pieces, 2] logits whose ends are allowed: none is overlooked."""
    size = len(logits)
    if not size:
        return []
    longest = min(longest, size)
    start = np.where(allowed, logits[:, 0], -np.inf)
    end = np.concatenate([np.where(allowed, logits[:, 1], -np.inf), np.full(longest - 1, -np.inf)])
    table = start[:, None] + np.lib.stride_tricks.sliding_window_view(end, longest)
    count = min(count, table.size)
    top = np.argpartition(-table, count - 1, axis=None)[:count]
    first, length = np.divmod(top, longest)
    return [
        (int(at), int(at + more), float(table[at, more]))
        for at, more in zip(first, length, strict=True)
        if np.isfinite(table[at, more])
    ]


def probabilities(found: Found, threshold: float | None) -> tuple[list[float], float]:
    """The candidates' probabilities and that of "no answer": a softmax over the n best.

    "No answer" is likeliest where its margin is above `threshold`; None leaves it out.
    """
    scores = [candidate.score for candidate in found.candidates]
    values = np.array([*scores, -np.inf if threshold is None else found.no_answer - threshold])
    if not np.isfinite(values).any():
        return [0.0] * len(scores), float(threshold is not None)
    shares = np.exp(values - values.max())
    shares /= shares.sum()
    return shares[:-1].tolist(), float(shares[-1])


def without_repeats(found: Found, places: Sequence[tuple[int, int]]) -> Found:
    """The candidates moved to `places`; of those that meet there the best is kept."""
    best: dict[tuple[int, int], Candidate] = {}
    for candidate, (start, end) in zip(found.candidates, places, strict=True):
        best.setdefault((start, end), replace(candidate, start=start, end=end))
    return replace(found, candidates=tuple(best.values()))
