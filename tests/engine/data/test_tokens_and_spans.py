"""Offsets are exact code points, whatever the script."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlpstudio.engine.data.rows import Span
from nlpstudio.engine.data.tagging import row_of_spans
from nlpstudio.engine.data.tokens import cut_tokens, join_tokens, word_count
from tests.engine.data.makers import entities

PIECES = [
    "a", "Ann", " ", "\n", "\u3000", "。", "，", "北京", "大", "ｆｕｌｌ", "e\u0301", "हिन्दी", "שלום", "مرحبا", "\u202e", "\u200d", "😀", "👩‍👩‍👧", "🇨🇳",
    "👍🏽", "한국", "ไทย", "x-y", "3.5%", "𠮷", "\u200b", "_", "'s",
]  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.text(max_size=30))


@settings(max_examples=500, deadline=None)
@given(texts, st.lists(st.integers(0, 40), max_size=6))
@example("e\u0301e", [1])
def test_tokens_cover_all_that_is_not_blank_and_break_at_every_border(text: str, borders: list[int]) -> None:
    offsets = cut_tokens(text, borders)
    assert all(0 <= start < end <= len(text) for start, end in offsets)
    assert all(left[1] <= right[0] for left, right in pairwise(offsets))
    covered = {place for start, end in offsets for place in range(start, end)}
    assert covered == {place for place, sign in enumerate(text) if not sign.isspace()}
    assert not any(start < border < end for border in borders for start, end in offsets)


@st.composite
def marked_texts(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(texts.filter(lambda text: not text.isspace() and text != ""))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = []
    for start, end in pairwise(cuts):
        body = text[start:end]
        if body.strip() == body and body and draw(st.booleans()):
            spans.append(Span(start=start, end=end, label=draw(st.sampled_from(["PER", "地点"]))))
    return text, spans


@settings(max_examples=1000, deadline=None)
@given(marked_texts())
def test_spans_survive_the_round_trip_through_tags(marked: tuple[str, list[Span]]) -> None:
    text, spans = marked
    row = row_of_spans(text, spans)
    assert row.text == text
    assert entities(row) == [(text[span.start : span.end], span.label) for span in spans]


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from([piece for piece in PIECES if piece.strip()]), min_size=1, max_size=14))
def test_tokens_stand_in_the_joined_text_where_their_offsets_say(tokens: list[str]) -> None:
    text, offsets = join_tokens(tokens)
    assert [text[start:end] for start, end in offsets] == tokens
    assert text.replace(" ", "") == "".join(tokens).replace(" ", "")


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["EU", "rejects", "call"], "EU rejects call"),
        (["北", "京", "欢", "迎", "你"], "北京欢迎你"),
        (["GDP", "增", "长", "3.5%", "。"], "GDP增长3.5%。"),
        (["看", "N", "B", "A"], "看NBA"),
        (["Windows", "XP", "于", "2001", "年"], "Windows XP于2001年"),
        (["한국", "사람"], "한국 사람"),
        (["a", "b"], "a b"),
    ],
)
def test_blanks_are_put_where_the_script_has_them(tokens: list[str], text: str) -> None:
    assert join_tokens(tokens)[0] == text


def test_words_of_marks_and_emoji_stay_whole() -> None:
    text = "हिन्दी cafe\u0301 👩‍👩‍👧👍🏽 北京"
    assert [text[start:end] for start, end in cut_tokens(text)] == ["हिन्दी", "cafe\u0301", "👩‍👩‍👧", "👍🏽", "北", "京"]


def test_words_are_counted_about_as_a_person_would() -> None:
    assert word_count("two words") == 2
    assert word_count("北京大学 has 4 字") == 7
