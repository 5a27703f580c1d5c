"""Scores of written texts: BLEU and chrF by sacreBLEU, ROUGE by rouge-score, distinct n-grams; Chinese cut into characters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

CHINESE = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_TOKEN = re.compile(CHINESE.pattern + r"|[^\W_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
CHINESE_SHARE = 0.2


class Characters:
    """A tokenizer for rouge-score: a Chinese character is a token, and so is a word of letters or digits in lower case. (Its own drops all Chinese.)"""

    def tokenize(self, text: str) -> list[str]:
        return _TOKEN.findall(text.lower())


def is_chinese(texts: Sequence[str]) -> bool:
    """Whether a good part of the signs are Chinese characters."""
    signs = sum(not sign.isspace() for text in texts for sign in text)
    return bool(signs) and sum(len(CHINESE.findall(text)) for text in texts) > CHINESE_SHARE * signs


def translation(written: Sequence[str], references: Sequence[str]) -> tuple[dict[str, float], str]:
    """Corpus BLEU (Papineni et al. 2002) and chrF (Popović 2015), both of 100, with BLEU's signature.

    References are cut as sacreBLEU's "zh" does when they are Chinese, else as "13a" (Post 2018).
    """
    bleu, chrf = BLEU(tokenize="zh" if is_chinese(references) else "13a"), CHRF()
    found = bleu.corpus_score(list(written), [list(references)])
    return (
        {"bleu": float(found.score), "chrf": float(chrf.corpus_score(list(written), [list(references)]).score)},
        str(bleu.get_signature()),
    )


def summary(written: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Mean F1 of ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004), of 100, without stemming."""
    from rouge_score.rouge_scorer import RougeScorer  # with nltk, scikit-learn and pandas: a second in every process

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Characters())
    found: list[Any] = [scorer.score(gold, said) for gold, said in zip(references, written, strict=True)]
    return {
        name: 100 * sum(each[name].fmeasure for each in found) / max(len(found), 1)
        for name in ("rouge1", "rouge2", "rougeL")
    }


def distinct(written: Sequence[str], size: int) -> float:
    """Different n-grams over all n-grams (Li et al. 2016): near 0 for a model that repeats itself."""
    grams = [
        tuple(tokens[at : at + size])
        for tokens in (Characters().tokenize(text) for text in written)
        for at in range(len(tokens) - size + 1)
    ]
    return len(set(grams)) / len(grams) if grams else 0.0
