"""Pieces know their exact places, tokens find their pieces, and windows leave nothing out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from nlpstudio.engine.data.tokens import cut_tokens, join_tokens
from nlpstudio.engine.tasks.alignment import align
from nlpstudio.engine.tasks.pieces import Frame, Pieces, cut
from nlpstudio.engine.tasks.windows import windows
from tests.engine.tasks.conftest import TOKENIZERS
from tests.engine.tasks.texts import texts, tokens

names = st.sampled_from(sorted(TOKENIZERS))


def pieces(*places: tuple[int, int]) -> Pieces:
    starts, ends = np.array(places, dtype=np.int32).reshape(-1, 2).T
    return Pieces(ids=np.arange(len(places), dtype=np.int32), starts=starts, ends=ends)


@settings(max_examples=200, deadline=None)
@given(text=texts, name=names)
def test_a_pieces_place_holds_no_white_space_at_its_ends(text: str, name: str) -> None:
    (found,) = cut([text], TOKENIZERS[name])
    for start, end in zip(found.starts, found.ends, strict=True):
        assert 0 <= start <= end <= len(text)
        assert text[start:end] == text[start:end].strip()


@settings(max_examples=200, deadline=None)
@given(text=texts, other=texts, name=names)
def test_texts_in_their_frame_are_what_the_tokenizer_makes_of_them(text: str, other: str, name: str) -> None:
    tokenizer: Any = TOKENIZERS[name]
    one, two = cut([text, other], tokenizer)
    for given_texts, sequence in (((text,), (one.ids,)), ((text, other), (one.ids, two.ids))):
        whole = tokenizer(*given_texts, return_token_type_ids=True)
        ids, types = Frame.of(tokenizer, pair=len(given_texts) == 2).around(*sequence)
        assert ids.tolist() == whole["input_ids"]
        assert types is None or types.tolist() == whole["token_type_ids"]


def test_the_blank_before_an_xlmr_text_speaks_for_no_token() -> None:
    tokenizer = TOKENIZERS["unigram"]
    (found,) = cut(["中国人民"], tokenizer)
    assert tokenizer.convert_ids_to_tokens([int(found.ids[0])]) == ["▁"]
    assert not found.filled[0]
    assert align(((0, 1), (1, 2), (2, 3), (3, 4)), found).first.tolist() == [1, -1, -1, -1]


@pytest.mark.parametrize(
    ("tokens", "places", "first", "shared"),
    [
        ([(0, 4), (5, 7)], [(0, 2), (2, 4), (5, 7)], [0, 2], set()),
        ([(0, 1), (1, 2), (2, 3)], [(0, 2), (2, 3)], [0, -1, 1], {1}),
        ([(0, 2), (2, 4)], [(0, 1), (1, 3), (3, 4)], [0, 2], set()),
        ([(0, 2), (2, 3)], [(0, 1), (1, 3)], [0, 1], set()),
        ([(0, 1), (1, 2), (2, 3)], [(0, 3)], [0, -1, -1], {1, 2}),
        ([(0, 1), (2, 3)], [(2, 3)], [-1, 0], set()),
        ([(1, 2)], [(0, 2)], [0], set()),
        ([(0, 1)], [(0, 1), (0, 1), (0, 1)], [0], set()),
        ([(0, 1)], [], [-1], set()),
    ],
)
def test_a_token_is_spoken_for_by_its_first_piece(
    tokens: Sequence[tuple[int, int]], places: list[tuple[int, int]], first: list[int], shared: set[int]
) -> None:
    alignment = align(tokens, pieces(*places))
    assert alignment.first.tolist() == first
    assert alignment.shared == shared


@settings(max_examples=200, deadline=None)
@given(words=tokens, name=names)
def test_no_piece_speaks_for_two_tokens_and_each_overlaps_its_own(words: list[str], name: str) -> None:
    text, places = join_tokens(words)
    (found,) = cut([text], TOKENIZERS[name])
    alignment = align(places, found)
    own = [piece for piece in alignment.first.tolist() if piece >= 0]
    assert len(own) == len(set(own))
    assert own == sorted(own)
    for token, piece in enumerate(alignment.first.tolist()):
        start, end = places[token]
        overlapping = (found.starts < end) & (found.ends > start) & found.filled
        assert (piece >= 0 or token in alignment.shared) == bool(overlapping.any())
        assert piece < 0 or overlapping[piece]


@settings(max_examples=200, deadline=None)
@given(text=texts)
def test_the_tokens_of_an_asked_text_hold_all_of_it_but_white_space(text: str) -> None:
    covered = "".join(text[start:end] for start, end in cut_tokens(text))
    assert covered == "".join(text.split())


@settings(max_examples=300, deadline=None)
@given(count=st.integers(0, 2000), room=st.integers(1, 600), overlap=st.integers(0, 700))
def test_each_position_is_kept_once_in_the_window_where_it_has_most_context(
    count: int, room: int, overlap: int
) -> None:
    found = windows(count, room=room, overlap=overlap)
    assert [at for window in found for at in range(window.keep_begin, window.keep_end)] == list(range(count))
    for window in found:
        assert 0 <= window.begin <= window.keep_begin <= window.keep_end <= window.end <= count
        assert window.end - window.begin == min(room, count)

    def context(at: int, begin: int, end: int) -> int:
        return min(at - begin if begin else count, end - 1 - at if end < count else count)

    for window in found:
        for at in {window.keep_begin, window.keep_end - 1} if window.keep_end > window.keep_begin else ():
            most = max(context(at, each.begin, each.end) for each in found if each.begin <= at < each.end)
            assert context(at, window.begin, window.end) >= most - 1


def test_frames_are_taken_from_the_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    frame = Frame.of(tokenizer, pair=True)
    assert frame.null == 0
    assert frame.size == tokenizer.num_special_tokens_to_add(pair=True)
    assert (frame.types is not None) == ("token_type_ids" in tokenizer.model_input_names)
