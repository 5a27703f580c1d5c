"""Which words of an input speak for a decision: integrated gradients over the word embeddings.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (ICML 2017): the gradient of the decision's score
is averaged on the straight way from a baseline, in which every word is the padding token, to the input, and multiplied
with the way. What the words get sums up to the score's difference between the two ends; `gap` is what is missing.
Where a score turns sharply on the way it is much, and more steps are taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from nlpstudio.engine import encoders
from nlpstudio.engine.data.tokens import cut_tokens
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.encoders.packed import PackedEncoder

STEPS = 32
"""At first; then three times as many, and again, while more than `CLOSE` of the difference is missing."""
STEPS_MOST = 9 * STEPS
CLOSE = 0.02
SECONDS = 15.0
"""More steps are taken only where they are likely to be done in this time."""
TOKENS_AT_ONCE = 1024
"""Of all steps together in one backward pass: bounds the memory."""
METHOD = "integrated_gradients"

Score = Callable[[Tensor], Tensor]
"""The decision's score [steps] from logits [steps, labels] or [steps, tokens, outputs]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The token at `at` of the example stands for `start:end` of the text of that `field`."""

    at: int
    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """`tokens` [tokens] sum up to `full - base` but for `gap`, after so many `steps`."""

    tokens: NDArray[np.float64]
    full: float
    base: float
    steps: int

    @property
    def gap(self) -> float:
        return self.full - self.base - float(self.tokens.sum())

    @property
    def is_close(self) -> bool:
        return abs(self.gap) <= CLOSE * max(0.1, abs(self.full - self.base))


class Integrated:
    """Integrated gradients of one model, whatever its encoder. Leaves the model as it was."""

    def __init__(self, model: PreTrainedModel, *, steps: int = STEPS) -> None:
        self._model = model.eval()
        self._encoder = encoders.choose(model)
        self._steps = steps
        self._words: Any = model.get_input_embeddings()

    def attribute(self, example: Example, places: Sequence[Place], score: Score) -> Attributed:
        """What each token of `example` adds to its score; only those of `places` are words, the others stay."""
        weights = self._words.weight.detach()
        ids = torch.from_numpy(example.ids.astype(np.int64)).to(weights.device)
        whole = weights[ids]
        base = whole.clone()
        base[[place.at for place in places]] = weights[self._model.config.pad_token_id or 0]
        way = whole - base
        with torch.no_grad():
            full, empty = (float(score(self._logits(example, end[None]))[0]) for end in (whole, base))
        began, steps = time.monotonic(), self._steps
        total = self._gradients(example, score, base, way, middles(steps))
        while True:
            tokens = (total / steps * way).sum(dim=1).double().cpu().numpy()
            found = Attributed(tokens=tokens, full=full, base=empty, steps=steps)
            spent = time.monotonic() - began
            if found.is_close or 3 * steps > STEPS_MOST or 3 * spent > SECONDS:
                return found
            # Of three times as many steps, each second of three has the middle of one that was taken.
            steps *= 3
            fresh = torch.arange(steps) % 3 != 1
            total += self._gradients(example, score, base, way, middles(steps)[fresh])

    def _gradients(self, example: Example, score: Score, base: Tensor, way: Tensor, shares: Tensor) -> Tensor:
        """The sum [tokens, hidden] of the score's gradients at these shares of the way from `base`."""
        total = torch.zeros_like(way)
        for part in shares.to(way.device).split(max(1, TOKENS_AT_ONCE // len(example))):
            points = (base + part[:, None, None] * way).requires_grad_()
            total += torch.autograd.grad(score(self._logits(example, points)).sum(), points)[0].sum(dim=0)
        return total

    def _logits(self, example: Example, points: Tensor) -> Tensor:
        """Logits of the example at each of the points [steps, tokens, hidden] of its word embeddings."""
        with self._replaced(points):
            logits = self._encoder.logits([example] * len(points))
        return logits if len(logits) == len(points) else logits.view(len(points), len(example), -1)

    @contextmanager
    def _replaced(self, points: Tensor) -> Iterator[None]:
        """Let the encoder find these embeddings instead of looking them up. Further tokens only fill up a batch."""
        flat = points.reshape(-1, points.shape[-1])

        def found(ids: Tensor) -> Tensor:
            spare = flat.new_zeros(ids.numel() - len(flat), flat.shape[1])
            return torch.cat([flat, spare]).view(*ids.shape, -1)

        if isinstance(self._encoder, PackedEncoder):
            before, self._encoder.words = self._encoder.words, found
            try:
                yield
            finally:
                self._encoder.words = before
            return
        hook = self._words.register_forward_hook(lambda _module, given, _out: found(given[0]))
        try:
            yield
        finally:
            hook.remove()


def middles(steps: int) -> Tensor:
    """The middle of each of so many steps from 0 to 1: half the error of their ends."""
    return (torch.arange(steps) + 0.5) / steps


def odds(logits: Tensor, chosen: int) -> Tensor:
    """The log odds [steps] of one output of [steps, outputs] against all others."""
    others = torch.cat([logits[:, :chosen], logits[:, chosen + 1 :]], dim=1)
    return logits[:, chosen] - others.logsumexp(dim=1)


def by_word(values: NDArray[np.float64], places: Sequence[Place], texts: dict[str, str]) -> dict[str, list[Any]]:
    """For each text `[{"start", "end", "score"}]`: the tokens' values added up to words, single characters in Chinese."""
    words: dict[str, list[Any]] = {
        name: [{"start": start, "end": end, "score": 0.0} for start, end in cut_tokens(text)]
        for name, text in texts.items()
    }
    at = dict.fromkeys(texts, 0)
    for place in sorted(places, key=lambda each: (each.field, each.start, each.end)):
        row = words[place.field]
        while at[place.field] < len(row) and row[at[place.field]]["end"] <= place.start:
            at[place.field] += 1
        inside = [each for each in row[at[place.field] :] if each["start"] < place.end]
        for each in inside:  # a token over several words is shared out evenly
            each["score"] += float(values[place.at]) / len(inside)
    return words
