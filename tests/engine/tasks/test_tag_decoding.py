"""No sequence of tags is ever illegal, and the legal one that is chosen is the likeliest."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlpstudio.engine.tasks.alignment import Alignment
from nlpstudio.engine.tasks.tag_decoding import Tagset, completed, spans_of

TAGSET = Tagset(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))


def is_legal(tags: list[str]) -> bool:
    before = ["O", *tags]
    return all(not tag.startswith("I-") or before[at][2:] == tag[2:] for at, tag in enumerate(tags))


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(0, 5))
def test_the_chosen_tags_are_the_likeliest_legal_ones(seed: int, length: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(length, 5)).astype(np.float32)
    best = max(
        (tags for tags in product(range(5), repeat=length) if is_legal([TAGSET.labels[tag] for tag in tags])),
        key=lambda tags: sum(float(scores[at, tag]) for at, tag in enumerate(tags)),
    )
    assert TAGSET.best(scores) == list(best)


def test_tags_without_a_beginning_may_stand_anywhere() -> None:
    assert Tagset(("O", "I-PER")).best(np.array([[0, 1], [1, 0], [0, 1]], dtype=np.float32)) == [1, 0, 1]
    assert Tagset(("NOUN", "VERB")).best(np.array([[0, 1], [1, 0]], dtype=np.float32)) == [1, 0]


@pytest.mark.parametrize(
    ("decoded", "first", "shared", "tags"),
    [
        ("B-PER", [0, -1, -1], {1, 2}, "B-PER I-PER I-PER"),
        ("O B-PER", [0, -1, 1], {1}, "O O B-PER"),
        ("B-PER I-PER", [0, -1, 1], set(), "B-PER I-PER I-PER"),
        ("B-PER O", [0, -1, 1], set(), "B-PER O O"),
        ("B-PER B-PER", [0, -1, 1], set(), "B-PER O B-PER"),
        ("B-LOC", [-1, 0, -1], set(), "O B-LOC O"),
        ("", [-1, -1], set(), "O O"),
    ],
)
def test_tokens_without_a_piece_get_a_tag_from_their_neighbours(
    decoded: str, first: list[int], shared: set[int], tags: str
) -> None:
    places = np.array(first, dtype=np.int32)
    alignment = Alignment(first=places, after=places + 1, shared=frozenset(shared))
    assert TAGSET.complete(decoded.split(), alignment) == tags.split()


def test_plain_tags_are_filled_in_from_a_neighbour() -> None:
    places = np.array([-1, 0, -1], dtype=np.int32)
    alignment = Alignment(first=places, after=places + 1, shared=frozenset())
    assert Tagset(("NOUN", "VERB")).complete(["VERB"], alignment) == ["VERB", "VERB", "VERB"]
    assert Tagset(("NOUN", "O")).complete(["NOUN"], alignment) == ["O", "NOUN", "O"]


def test_every_beginning_tag_gets_its_inside_tag_and_plain_tags_stay() -> None:
    assert completed(["B-PER", "I-LOC"]) == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert completed(["VERB", "NOUN"]) == ("VERB", "NOUN")
    assert completed(["O", "B-a-b"]) == ("O", "B-a-b", "I-a-b")


def test_spans_join_a_beginning_with_its_inside_and_runs_of_outside() -> None:
    tags = ["O", "O", "B-PER", "I-PER", "B-PER", "I-LOC"]
    assert spans_of(tags, spans=True) == [("O", 0, 2), ("PER", 2, 4), ("PER", 4, 5), ("LOC", 5, 6)]
    assert spans_of(["NOUN", "NOUN"], spans=False) == [("NOUN", 0, 1), ("NOUN", 1, 2)]
