"""Tokenizers of every kind are trained on a corpus, load with AutoTokenizer, and are judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from nlpstudio.engine import tokenizing
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.tokenizing import KINDS, TokenizerSpec
from tests.corpora import corpus_folder

__all__ = ["corpus_folder"]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_trained_and_autotokenizer_reads_it(kind: str, corpus_folder: Path, tmp_path: Path) -> None:
    spec = TokenizerSpec(kind=kind, vocabulary=600, least_count=1, added=("[USER]",))
    tokenizing.train(corpus_folder / "dataset", spec, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    ids = tokenizer("We love the film", "很好。")["input_ids"]
    assert [ids[0], ids[-1]] == [tokenizer.cls_token_id, tokenizer.sep_token_id]
    assert tokenizer.mask_token == "[MASK]" and tokenizer.pad_token_id == 0
    assert tokenizer.tokenize("[USER] film")[0] == "[USER]"
    spelled = tokenizer.decode(tokenizer("we love the film.", add_special_tokens=False)["input_ids"])
    assert spelled.replace(" ", "") == "welovethefilm."
    figures = tokenizing.judge(tokenizing.load(tmp_path), tokenizing.sample(corpus_folder / "dataset"))
    assert figures["vocabulary"] <= 601 and figures["characters_a_token"] > 0.9
    assert figures["unknown_share"] < 0.15 and figures["coverage"] > 0.9


def test_chinese_characters_stay_apart_or_join(corpus_folder: Path, tmp_path: Path) -> None:
    for split, name in ((True, "apart"), (False, "joined")):
        spec = TokenizerSpec(kind="bpe", vocabulary=900, least_count=1, split_chinese=split)
        tokenizing.train(corpus_folder / "dataset", spec, tmp_path / name)
    text = "我们喜欢"
    apart, joined = (
        tokenizing.load(tmp_path / name).encode(text, add_special_tokens=False) for name in ("apart", "joined")
    )
    assert len(apart.ids) >= 4 > len(joined.ids)


def test_a_spec_that_cannot_be_is_refused() -> None:
    for wrong in ({"kind": "words"}, {"vocabulary": 10}, {"normalisation": "nfd"}, {"least_count": 0}):
        with pytest.raises(InvalidSpec):
            TokenizerSpec(**wrong)  # type: ignore[arg-type]  # that is the point
