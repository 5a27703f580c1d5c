"""Which examples a short run trains on: batches drawn evenly over the lengths of a whole data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from transformers.trainer_pt_utils import get_length_grouped_indices


def batches(lengths: Sequence[int], *, batch_size: int, count: int, seed: int) -> list[list[int]]:
    """`count` of the batches that transformers' own grouping by length makes of the whole pool, evenly taken.

    So a run of twenty steps sees the lengths, and the grouped Trainer the padding, that an epoch over the pool would
    show; in a few hundred rows of its own the grouping finds too few rows of like length.
    Raises `ValueError` when the pool has too few examples.
    """
    generator = torch.Generator().manual_seed(seed)
    order: list[int] = get_length_grouped_indices(list(lengths), batch_size, generator=generator)  # type: ignore[no-untyped-call]  # transformers' is untyped
    whole = [order[i : i + batch_size] for i in range(0, len(order) - batch_size + 1, batch_size)]
    if len(whole) < count:
        raise ValueError(f"{len(lengths)} examples make {len(whole)} batches of {batch_size}, not {count}")
    by_length = sorted(whole, key=lambda batch: sum(lengths[i] for i in batch))
    taken = [by_length[(2 * i + 1) * len(whole) // (2 * count)] for i in range(count)]
    return [taken[i] for i in np.random.default_rng(seed).permutation(count)]


def digest(ids: Iterable[ArrayLike]) -> str:
    """A hash of the token ids of all examples, whatever their order."""
    each = sorted(hashlib.sha256(np.asarray(one, dtype="<i4").tobytes()).digest() for one in ids)
    return hashlib.sha256(b"".join(each)).hexdigest()
