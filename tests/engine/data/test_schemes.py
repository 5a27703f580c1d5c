"""Every tag scheme ends in the same IOB2 tags."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from nlpstudio.engine.data.schemes import BIOES, IOB1, IOB2, PLAIN, UnknownTag, detect_scheme, to_iob2

WANTED = ["O", "B-PER", "I-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-LOC", "O"]
WRITTEN = {
    "iob1": ["O", "I-PER", "I-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-LOC", "O"],
    "iob2": WANTED,
    "bioes": ["O", "B-PER", "I-PER", "E-PER", "O", "S-LOC", "B-LOC", "E-LOC", "O"],
    "bilou": ["O", "B-PER", "I-PER", "L-PER", "O", "U-LOC", "B-LOC", "L-LOC", "O"],
    "bmes": ["O", "B-PER", "M-PER", "E-PER", "O", "S-LOC", "B-LOC", "E-LOC", "O"],
}


@pytest.mark.parametrize("name", WRITTEN)
def test_schemes_are_told_apart_and_normalised(name: str) -> None:
    scheme = detect_scheme([WRITTEN[name]])
    assert scheme == {"iob1": IOB1, "iob2": IOB2}.get(name, BIOES)
    assert to_iob2(WRITTEN[name], scheme) == (tuple(WANTED), [])


def test_tags_without_a_scheme_stay_as_they_are() -> None:
    tags = ["NOUN", "VERB", "PUNCT"]
    assert detect_scheme([tags]) == PLAIN
    assert to_iob2(tags, PLAIN) == (tuple(tags), [])


def test_underscores_are_dashes() -> None:
    assert to_iob2(["B_PER", "I_PER"], detect_scheme([["B_PER", "I_PER", "O"]]))[0] == ("B-PER", "I-PER")


@pytest.mark.parametrize(
    ("tags", "scheme", "repaired", "places"),
    [
        ("I-PER O", IOB2, "B-PER O", [0]),
        ("B-PER I-LOC", IOB2, "B-PER B-LOC", [1]),
        ("B-PER O I-PER", IOB2, "B-PER O B-PER", [2]),
        ("B-PER O", BIOES, "B-PER O", [0]),
        ("E-PER I-PER E-PER", BIOES, "B-PER B-PER I-PER", [0, 1]),
        ("B-PER B-PER E-PER", BIOES, "B-PER B-PER I-PER", [0]),
    ],
)
def test_illegal_sequences_are_repaired_and_named(tags: str, scheme: str, repaired: str, places: list[int]) -> None:
    normal, repairs = to_iob2(tags.split(), scheme)
    assert " ".join(normal) == repaired
    assert [repair.index for repair in repairs] == places


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"]), max_size=12))
def test_repair_keeps_the_entities_that_seqeval_reads(tags: list[str]) -> None:
    normal, _ = to_iob2(tags, IOB2)
    assert get_entities(list(normal)) == get_entities(tags)
    assert to_iob2(normal, IOB2) == (normal, [])


def test_a_tag_of_no_scheme_is_an_error_with_its_place() -> None:
    with pytest.raises(UnknownTag) as unknown:
        to_iob2(["O", "PER"], IOB2)
    assert unknown.value.index == 1
