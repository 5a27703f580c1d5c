"""Sequences laid end to end without padding, and the few padded chunks that attention needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nlpstudio.engine.encoders.example import Example

MOST_CHUNKS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Neighbouring rows that attention sees as one padded block [rows, width].

    Their tokens are `begin:end` of the packed ones. `real` lists where those lie in the flat block and `mask`
    [rows, 1, 1, width] hides the rest; both are None when all rows are `width` long.
    """

    begin: int
    end: int
    rows: int
    width: int
    real: Tensor | None
    mask: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A packed batch: `ids`, `positions` and `types` are [tokens]; `first` [rows] is where each row begins.

    The last `spare` tokens belong to no row: they only make the count of tokens a round one.
    """

    ids: Tensor
    positions: Tensor
    types: Tensor
    first: Tensor
    spare: int
    chunks: tuple[Chunk, ...]


def pack(
    examples: Sequence[Example], *, device: torch.device, skip_padding_id: int | None = None, multiple: int = 1
) -> Packed:
    """Lay `examples` end to end, up to a `multiple` of tokens. With `skip_padding_id`, positions count as RoBERTa's."""
    lengths = np.array([len(example) for example in examples])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    if skip_padding_id is None:
        positions = [np.arange(length) for length in lengths]
    else:
        positions = [_positions_after(example.ids, skip_padding_id) for example in examples]
    types = [np.zeros(len(e), np.int32) if e.types is None else e.types for e in examples]
    spare = -int(starts[-1]) % multiple
    rest = np.zeros(spare, np.int32)
    return Packed(
        ids=_tensor(np.concatenate([*(example.ids for example in examples), rest]), device),
        positions=_tensor(np.concatenate([*positions, rest]), device),
        types=_tensor(np.concatenate([*types, rest]), device),
        first=_tensor(starts[:-1], device),
        spare=spare,
        chunks=tuple(_chunks(lengths, starts, device)),
    )


def _positions_after(ids: NDArray[np.int32], padding_id: int) -> NDArray[np.int64]:
    counted = (ids != padding_id).astype(np.int64)
    return np.asarray(np.cumsum(counted) * counted + padding_id)


def _chunks(lengths: NDArray[Any], starts: NDArray[Any], device: torch.device) -> list[Chunk]:
    """Cut the rows into at most `MOST_CHUNKS` chunks of about equally many rows."""
    count = 1 if lengths.min() == lengths.max() else min(MOST_CHUNKS, len(lengths))
    bounds = [len(lengths) * i // count for i in range(count + 1)]
    chunks = []
    for first, last in pairwise(bounds):
        width = int(lengths[first:last].max())
        inside = np.arange(width) < lengths[first:last, None]
        uniform = bool(inside.all())
        chunks.append(
            Chunk(
                begin=int(starts[first]),
                end=int(starts[last]),
                rows=last - first,
                width=width,
                real=None if uniform else _tensor(np.flatnonzero(inside), device),
                mask=None if uniform else torch.from_numpy(inside)[:, None, None, :].to(device),
            )
        )
    return chunks


def _tensor(values: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(values.astype(np.int64)).to(device)
