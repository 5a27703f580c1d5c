"""From documents to the sequences that a language model is pre-trained on, with the borders of sentences and documents kept.

Pairs are made as in BERT (Devlin et al. 2019): the second half is in half of the cases cut from another document. For sentence
order (Lan et al. 2020) the halves are swapped instead. Without pairs a sequence is a run of one document's sentences, and
for a decoder the documents follow each other with an end sign between, cut into blocks of one length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

_ENDS = re.compile(r"(?<=[。！？；…])(?=[^。！？；…”’」』）])|(?<=[.!?;])\s+")
LEAST_BLOCK = 8
SHORT, LEAST_SHORT = 4, 8
"""A short sequence aims at no more than this part of the room, and at no fewer tokens than that."""

Ids = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence, or part of a long one: its tokens, and which of them begin a word."""

    ids: Ids
    begins: Flags

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Span:
    """A sequence with its special tokens. `second` is where the second text begins (0: there is none)."""

    ids: Ids
    begins: Flags
    second: int = 0
    pair: int = -1


def documents(texts: Sequence[Sequence[str]], tokenizer: PreTrainedTokenizerBase, longest: int) -> list[list[Piece]]:
    """Each document's lines as tokenised sentences of at most `longest` tokens."""
    sentences: list[str] = []
    owners: list[int] = []
    for number, lines in enumerate(texts):
        for line in lines:
            for sentence in _ENDS.split(line):
                if sentence.strip():
                    sentences.append(sentence)
                    owners.append(number)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    found: list[list[Piece]] = [[] for _ in texts]
    for owner, encoding in zip(owners, backend.encode_batch(sentences, add_special_tokens=False), strict=True):
        ids = np.array(encoding.ids, dtype=np.int32)
        words = np.array([-1 if word is None else word for word in encoding.word_ids], dtype=np.int64)
        begins = np.ones(len(ids), dtype=bool)
        begins[1:] = np.diff(words) != 0
        for start in range(0, len(ids), longest):
            found[owner].append(Piece(ids[start : start + longest], begins[start : start + longest]))
    return found


def pairs(
    found: Sequence[list[Piece]],
    *,
    room: int,
    marks: tuple[int, int],
    random: np.random.Generator,
    swapped: bool,
    short_share: float,
) -> Iterator[Span]:
    """[CLS] first [SEP] second [SEP] with `room` for tokens; `pair` is 0 when the second follows the first, else 1.

    A sequence aims at `room` tokens, or is a short one, and has two sentences at least where the document still does.
    `marks` are the ids of [CLS] and [SEP]. `swapped` makes the wrong pairs by changing the order.
    """
    filled = [number for number, pieces in enumerate(found) if pieces]
    for number in filled:
        pieces, at = found[number], 0
        chunk: list[Piece] = []
        target = _target(room, short_share, random)
        while at < len(pieces):
            chunk.append(pieces[at])
            if at == len(pieces) - 1 or (len(chunk) > 1 and sum(map(len, chunk)) >= target):
                border = int(random.integers(1, len(chunk))) if len(chunk) > 1 else 1
                first, second, wrong = chunk[:border], chunk[border:], False
                if swapped and second:
                    wrong = random.random() < 0.5
                    first, second = (second, first) if wrong else (first, second)
                elif not swapped and (not second or random.random() < 0.5):
                    at -= len(second)  # they are used again
                    second, wrong = _elsewhere(found, filled, number, target - sum(map(len, first)), random), True
                yield _paired(first, second, wrong, room, marks, random)
                chunk, target = [], _target(room, short_share, random)
            at += 1


def runs(
    found: Sequence[list[Piece]], *, room: int, marks: tuple[int, int], random: np.random.Generator, short_share: float
) -> Iterator[Span]:
    """[CLS] sentences of one document [SEP], with `room` for tokens."""
    for pieces in found:
        chunk: list[Piece] = []
        target = _target(room, short_share, random)
        for piece in pieces:
            if chunk and sum(map(len, chunk)) + len(piece) > target:
                yield _paired(chunk, [], False, room, marks, random)
                chunk, target = [], _target(room, short_share, random)
            chunk.append(piece)
        if chunk:
            yield _paired(chunk, [], False, room, marks, random)


def blocks(found: Sequence[list[Piece]], *, length: int, end: int) -> Iterator[Span]:
    """Blocks of `length` tokens through all documents, each of which is closed by the token `end`."""
    closing = np.array([end], dtype=np.int32)
    parts = [part for pieces in found if pieces for part in (*(piece.ids for piece in pieces), closing)]
    stream = np.concatenate(parts) if parts else closing[:0]
    for start in range(0, len(stream), length):
        ids = stream[start : start + length]
        if len(ids) >= min(LEAST_BLOCK, length):
            yield Span(ids, np.ones(len(ids), dtype=bool))


def _target(room: int, short_share: float, random: np.random.Generator) -> int:
    short = random.random() < short_share
    return int(random.integers(LEAST_SHORT, room // SHORT + 1)) if short and room >= SHORT * LEAST_SHORT else room


def _elsewhere(
    found: Sequence[list[Piece]], filled: Sequence[int], number: int, wanted: int, random: np.random.Generator
) -> list[Piece]:
    """Sentences from a random place of another document (of the same one when there is no other)."""
    other = number
    for _ in range(10):
        other = filled[int(random.integers(len(filled)))]
        if other != number:
            break
    pieces = found[other]
    taken: list[Piece] = []
    for piece in pieces[int(random.integers(len(pieces))) :]:
        taken.append(piece)
        if sum(map(len, taken)) >= wanted:
            break
    return taken


def _paired(
    first: list[Piece],
    second: list[Piece],
    wrong: bool,
    room: int,
    marks: tuple[int, int],
    random: np.random.Generator,
) -> Span:
    (ids, begins), (more, more_begins) = _joined(first), _joined(second)
    surplus = len(ids) + len(more) - room
    while surplus > 0:
        longer_first = len(ids) > len(more)
        keep = slice(1, None) if random.random() < 0.5 else slice(None, -1)
        if longer_first:
            ids, begins = ids[keep], begins[keep]
        else:
            more, more_begins = more[keep], more_begins[keep]
        surplus -= 1
    start, end = np.array([marks[0]], dtype=np.int32), np.array([marks[1]], dtype=np.int32)
    one = np.ones(1, dtype=bool)
    if not len(more):
        return Span(np.concatenate([start, ids, end]), np.concatenate([one, begins, one]))
    whole = np.concatenate([start, ids, end, more, end])
    flags = np.concatenate([one, begins, one, more_begins, one])
    return Span(whole, flags, second=len(ids) + 2, pair=int(wrong))


def _joined(pieces: list[Piece]) -> tuple[Ids, Flags]:
    if not pieces:
        return np.empty(0, dtype=np.int32), np.empty(0, dtype=bool)
    return np.concatenate([piece.ids for piece in pieces]), np.concatenate([piece.begins for piece in pieces])
