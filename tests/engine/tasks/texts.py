"""Texts on which offsets usually break, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

HARD = (
    "a", "Z", "7", ".", "-", "word", "Anna", "中", "国", "北京", "，", "Ａ", "１", "ﬁ", "é", "e\u0301", "ö", "\u0301",
    "😀", "👩‍💻", "🇩🇪", "👍🏽", "\u200b", "\u200d", "\ufeff", "\x07", "\xad", "\ue000", "שלום", "مرحبا", "\u202e", "ไทย",
    "\U00020000", "▁", "Ġ", "##a",
)  # fmt: skip
BLANKS = (" ", "  ", "\t", "\n", "\xa0", "\u3000", "\u2003")

texts = st.lists(st.sampled_from((*HARD, *BLANKS)), min_size=1, max_size=30).map("".join)
tokens = st.lists(
    st.lists(st.sampled_from(HARD), min_size=1, max_size=3).map("".join).filter(lambda token: not token.isspace()),
    min_size=1,
    max_size=25,
)
