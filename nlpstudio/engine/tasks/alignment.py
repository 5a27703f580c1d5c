"""Which word piece speaks for which token, by character offsets alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlpstudio.engine.tasks.pieces import Ints, Pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """For each token the number of its first piece, or -1, and of the piece after its last.

    A token without a piece of its own is either `shared` (it lies in a piece that speaks for an earlier
    token, as where a tokenizer joins Chinese characters) or was dropped by the tokenizer (control characters).
    """

    first: Ints
    after: Ints
    shared: frozenset[int]


def align(tokens: Sequence[tuple[int, int]], pieces: Pieces) -> Alignment:
    """Give each token the first piece that begins in it, else one that reaches into it and speaks for no other.

    `tokens` are in order and do not overlap.
    """
    first = np.full(len(tokens), -1, dtype=np.int32)
    after = np.full(len(tokens), -1, dtype=np.int32)
    reaching: dict[int, int] = {}
    at = 0
    for piece, (start, end) in enumerate(zip(pieces.starts.tolist(), pieces.ends.tolist(), strict=True)):
        if start == end:
            continue
        while at < len(tokens) and tokens[at][1] <= start:
            at += 1
        token = at
        while token < len(tokens) and tokens[token][0] < end:
            if token == at and tokens[token][0] <= start:
                if first[token] < 0:
                    first[token] = piece
                after[token] = piece + 1
            else:
                reaching.setdefault(token, piece)
            token += 1
    spoken = set(first.tolist())
    shared = set()
    for token, piece in reaching.items():
        if first[token] >= 0:
            continue
        if piece in spoken:
            shared.add(token)
        else:
            spoken.add(piece)
            first[token], after[token] = piece, piece + 1
    return Alignment(first=first, after=after, shared=frozenset(shared))
