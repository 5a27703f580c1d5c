"""Which tokens are to be guessed, and what stands in their place: drawn anew for each epoch from one seed.

As in BERT (Devlin et al. 2019): of the chosen tokens 80 % become the mask, 10 % a random token, 10 % stay. Whole words are
chosen together ("whole word masking"), or spans of words with lengths from a geometric distribution as in SpanBERT (Joshi
et al. 2020), whose span shares one fate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
MASKED, RANDOM = 0.8, 0.1
SPAN_STOP, LONGEST_SPAN = 0.2, 10


@dataclass(frozen=True, kw_only=True)
class Masking:
    """How to mask. `special` are ids that are never chosen nor drawn; `kind` is "token", "whole_word" or "span"."""

    mask_id: int
    vocabulary: int
    special: frozenset[int]
    seed: int
    share: float = 0.15
    kind: str = "whole_word"

    @cached_property
    def ordinary(self) -> Ints:
        """The ids that a random token is drawn from."""
        return np.array([i for i in range(self.vocabulary) if i not in self.special], dtype=np.int32)

    @cached_property
    def _is_special(self) -> NDArray[np.bool_]:
        flags = np.zeros(self.vocabulary, dtype=bool)
        flags[sorted(self.special)] = True
        return flags

    def mask(
        self, ids: Ints, begins: NDArray[np.bool_], *, epoch: int, key: tuple[int, int]
    ) -> tuple[Ints, Ints, Ints]:
        """The masked copy of `ids`, the places to guess (ascending) and what stood there.

        `begins` marks the tokens that begin a word. The same epoch and key give the same masks.
        """
        random = np.random.default_rng([self.seed, epoch, *key])
        usable = np.flatnonzero(~self._is_special[ids])
        if not len(usable):
            return ids, usable.astype(np.int32), usable.astype(np.int32)
        budget = max(1, round(len(usable) * self.share))
        if self.kind == "token":
            groups = [random.permutation(usable)[:budget]]
            shared = False
        else:
            groups = self._groups(usable, begins, budget, random)
            shared = self.kind == "span"
        places = np.concatenate(groups)
        fates = random.random(len(places))
        if shared:
            fates = np.repeat(random.random(len(groups)), [len(group) for group in groups])
        masked = ids.copy()
        masked[places[fates < MASKED]] = self.mask_id
        drawn = places[(fates >= MASKED) & (fates < MASKED + RANDOM)]
        masked[drawn] = random.choice(self.ordinary, size=len(drawn))
        places = np.sort(places).astype(np.int32)
        return masked, places, ids[places]

    def _groups(
        self, usable: NDArray[np.int64], begins: NDArray[np.bool_], budget: int, random: np.random.Generator
    ) -> list[NDArray[np.int64]]:
        """Whole words, or spans of them, until the budget is spent; one that would exceed it is passed over."""
        starts = begins[usable].copy()
        starts[0] = True
        starts[1:] |= np.diff(usable) > 1  # a special token lies between
        bounds = np.append(np.flatnonzero(starts), len(usable))
        words = len(bounds) - 1
        taken = np.zeros(words, dtype=bool)
        chosen: list[NDArray[np.int64]] = []
        left = budget
        for word in random.permutation(words):
            if left <= 0:
                break
            length = min(int(random.geometric(SPAN_STOP)), LONGEST_SPAN) if self.kind == "span" else 1
            end = word
            size = 0
            while end < words and end - word < length and not taken[end]:
                more = int(bounds[end + 1] - bounds[end])
                if size + more > left or (end > word and usable[bounds[end]] - usable[bounds[end] - 1] > 1):
                    break
                size += more
                end += 1
            if size:
                taken[word:end] = True
                chosen.append(usable[bounds[word] : bounds[end]])
                left -= size
        return chosen or [usable[bounds[0] : bounds[1]]]
