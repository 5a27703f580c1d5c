"""A text's word pieces with their exact places in it, and the special tokens around one or two texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

Ints = NDArray[np.int32]
BLANKS = "\u2581\u0120 "
"""How SentencePiece and byte-level tokenizers write a blank inside a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The pieces of one text without special tokens: `text[starts[i]:ends[i]]` is what piece i stands for.

    Offsets are code points without white space at either end. A piece of nothing but a blank has
    `starts == ends`: XLM-R begins each text with one whose own offset overlaps the first character.
    """

    ids: Ints
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Which pieces stand for something."""
        return self.ends > self.starts


def cut(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> list[Pieces]:
    """The pieces of each text, however long it is."""
    if not texts:
        return []
    encoded: Any = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
    return [_pieces(text, encoding) for text, encoding in zip(texts, encoded.encodings, strict=True)]


def _pieces(text: str, encoding: Any) -> Pieces:
    offsets = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
    for index, (piece, (start, end)) in enumerate(zip(encoding.tokens, encoding.offsets, strict=True)):
        if not piece.strip(BLANKS):
            offsets[index] = start
        elif text[start:end] != (bare := text[start:end].strip()):
            begin = start + len(text[start:end]) - len(text[start:end].lstrip())
            offsets[index] = begin, begin + len(bare)
    return Pieces(ids=np.array(encoding.ids, dtype=np.int32), starts=offsets[:, 0].copy(), ends=offsets[:, 1].copy())


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The special tokens that a model wants before, between and after its texts, and each text's token type.

    `types` is None for models without token types; its entries are those of before, the first text, between,
    the second text and after. `null` is the place of the classification token.
    """

    before: Ints
    between: Ints
    after: Ints
    types: tuple[int, int, int, int, int] | None
    null: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, *, pair: bool) -> Frame:
        """What `tokenizer` puts around a text or a pair of texts."""
        encoded: Any = tokenizer("a", "a") if pair else tokenizer("a")
        encoding = encoded.encodings[0]
        belongs, ids = encoding.sequence_ids, np.array(encoding.ids, dtype=np.int32)
        last = int(pair)
        firsts = [index for index, number in enumerate(belongs) if number == 0]
        lasts = [index for index, number in enumerate(belongs) if number == last]
        parts = (0, firsts[0], firsts[-1] + 1, lasts[0], lasts[-1] + 1)
        kinds = [encoding.type_ids[at] if at < len(ids) else 0 for at in parts]
        with_types = "token_type_ids" in tokenizer.model_input_names and any(encoding.type_ids)
        cls_id = tokenizer.cls_token_id
        return cls(
            before=ids[: firsts[0]],
            between=ids[firsts[-1] + 1 : lasts[0]] if pair else ids[:0],
            after=ids[lasts[-1] + 1 :],
            types=(kinds[0], kinds[1], kinds[2], kinds[3], kinds[4]) if with_types else None,
            null=encoding.ids.index(cls_id) if cls_id in encoding.ids[: firsts[0]] else 0,
        )

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return len(self.before) + len(self.between) + len(self.after)

    def around(self, first: Ints, second: Ints | None = None) -> tuple[Ints, Ints | None]:
        """Ids [tokens] and token types of a whole sequence."""
        texts = [first] if second is None else [first, self.between, second]
        ids = np.concatenate([self.before, *texts, self.after])
        if self.types is None:
            return ids, None
        lengths = [len(self.before), len(first), len(self.between), 0 if second is None else len(second)]
        return ids, np.repeat(np.array(self.types, dtype=np.int32), [*lengths, len(self.after)])
