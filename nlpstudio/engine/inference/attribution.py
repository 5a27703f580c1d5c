"""Which words of an input speak for a decision: integrated gradients over the word embeddings.

Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks" (ICML 2017): the gradient of the decision's score
is averaged on the straight way from a baseline, in which every word is the padding token, to the input, and multiplied
with the way. What the words get sums up to the score's difference between the two ends; `gap` is what is missing.
"""

from __future__ import annotations

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
    """`tokens` [tokens] sum up to `full - base` but for `gap`."""

    tokens: NDArray[np.float64]
    full: float
    base: float

    @property
    def gap(self) -> float:
        return self.full - self.base - float(self.tokens.sum())


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
        # The middle of each step: half the error of its ends.
        shares = (torch.arange(self._steps, device=weights.device) + 0.5) / self._steps
        total = torch.zeros_like(way)
        for part in shares.split(max(1, TOKENS_AT_ONCE // len(example))):
            points = (base + part[:, None, None] * way).requires_grad_()
            total += torch.autograd.grad(score(self._logits(example, points)).sum(), points)[0].sum(dim=0)
        with torch.no_grad():
            full, empty = (float(score(self._logits(example, end[None]))[0]) for end in (whole, base))
        tokens = (total / self._steps * way).sum(dim=1).double().cpu().numpy()
        return Attributed(tokens=tokens, full=full, base=empty)

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
