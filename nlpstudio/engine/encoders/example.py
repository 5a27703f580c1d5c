"""One input sequence as every encoder takes it, and the small interface that all encoders share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Token ids of one sequence, special tokens included. Tasks add their own fields in a subclass.

    `ids` is [tokens]; `types` likewise (None = all zero); `row` says which row of its split it was cut from
    (several windows may share one).
    """

    ids: NDArray[np.int32]
    types: NDArray[np.int32] | None = None
    row: int = 0

    def __len__(self) -> int:
        return len(self.ids)


class Encoder(Protocol):
    """Runs a Hugging Face model on examples that are best sorted by length."""

    path: str

    def logits(self, examples: Sequence[Example]) -> Tensor:
        """The head's output: [rows, labels] of a sequence classifier, else [tokens, outputs].

        Tokens are the real ones only, example after example. Answer spans are outputs 0 (start) and 1 (end).
        """
        ...

    def verdicts(self, logits: Tensor, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        """What a task decodes of each example: by default its logits, [outputs] or [tokens, outputs]."""
        ...

    def random_state(self) -> Mapping[str, Any]:
        """The state of generators of the encoder's own, as JSON values."""
        ...

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `random_state`."""
        ...


def parts_of(logits: Tensor, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
    """One row a row of a classifier's output; the tokens of each example else (which has two tokens at least)."""
    output: NDArray[np.float32] = logits.cpu().numpy()
    if len(output) == len(examples):
        return [row.copy() for row in output]
    bounds = accumulate((len(example) for example in examples), initial=0)
    return [output[begin:end].copy() for begin, end in pairwise(bounds)]
