"""Exact match and F1 of extractive answers, as the official scorers of SQuAD and CMRC 2018 define them.

SQuAD: Rajpurkar et al. 2016 (v1.1) and 2018 (v2.0). CMRC 2018: Cui et al. 2019; its F1 is over
Chinese characters and words of other scripts, by their longest common run.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlpstudio.engine.metrics.treebank import treebank_words

SQUAD1, SQUAD2, CMRC = "squad_v1", "squad_v2", "cmrc2018"

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = frozenset(string.punctuation)
# The single signs on CMRC's list. Its "……" never matches, because it compares one character at a time.
_CMRC_SIGNS = frozenset("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_HAN = re.compile("[\u4e00-\u9fa5]")


def normalise(answer: str) -> str:
    """SQuAD's form for comparing: lower case, no ASCII punctuation, no English article, single blanks."""
    bare = "".join(sign for sign in answer.lower() if sign not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(gold: str, predicted: str) -> float:
    """1.0 when the normalised answers are equal."""
    return float(normalise(gold) == normalise(predicted))


def f1(gold: str, predicted: str) -> float:
    """F1 over the normalised words; with an empty side, 1.0 only when both are empty (SQuAD 2.0)."""
    truth, claim = normalise(gold).split(), normalise(predicted).split()
    if not truth or not claim:
        return float(truth == claim)
    return _f1(sum((Counter(truth) & Counter(claim)).values()), len(truth), len(claim))


def f1_of_words(gold: str, predicted: str) -> float:
    """As `f1`, but two answers without words share none (SQuAD 1.1)."""
    return f1(gold, predicted) if normalise(gold) else float(not gold and not predicted)


def chinese_pieces(answer: str) -> list[str]:
    """CMRC's pieces: each Chinese character alone, anything else cut into words; its signs are dropped."""
    pieces: list[str] = []
    run = ""
    for sign in answer.lower().strip():
        if sign in _CMRC_SIGNS:
            continue
        if _HAN.match(sign):
            pieces += [*treebank_words(run), sign]
            run = ""
        else:
            run += sign
    return pieces + treebank_words(run)


def chinese_exact_match(gold: str, predicted: str) -> float:
    """1.0 when the answers are equal but for CMRC's signs and letter case."""
    return float(_without_signs(gold) == _without_signs(predicted))


def chinese_f1(gold: str, predicted: str) -> float:
    """F1 of the longest run of pieces that both share; an empty answer only fits an empty one."""
    if not gold.strip() or not predicted.strip():
        return float(gold.strip() == predicted.strip())
    truth, claim = chinese_pieces(gold), chinese_pieces(predicted)
    return _f1(_longest_common_run(truth, claim), len(truth), len(claim))


def _without_signs(answer: str) -> str:
    return "".join(sign for sign in answer.lower().strip() if sign not in _CMRC_SIGNS)


def _f1(common: int, truth: int, claim: int) -> float:
    if common == 0:
        return 0.0
    precision, recall = common / claim, common / truth
    return 2 * precision * recall / (precision + recall)


def _longest_common_run(left: Sequence[str], right: Sequence[str]) -> int:
    best = 0
    row = [0] * (len(right) + 1)
    for piece in left:
        before = 0
        for index, other in enumerate(right, start=1):
            before, row[index] = row[index], before + 1 if piece == other else 0
            best = max(best, row[index])
    return best


Score = Callable[[str, str], float]
SCORERS: Mapping[str, tuple[Score, Score]] = {
    SQUAD1: (exact_match, f1_of_words),
    SQUAD2: (exact_match, f1),
    CMRC: (chinese_exact_match, chinese_f1),
}


def variant_for(texts: Sequence[str]) -> str:
    """CMRC's scorer when most letters of the texts are Chinese characters, else SQuAD 2.0's."""
    letters = sum(sign.isalpha() for text in texts for sign in text)
    return CMRC if sum(len(_HAN.findall(text)) for text in texts) > 0.5 * letters else SQUAD2


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One question's scores, from 0 to 1."""

    exact_match: float
    f1: float


def judge(gold: Sequence[str], predicted: str, variant: str = SQUAD2) -> Judged:
    """The best score over the gold answers; no gold answer means that the right answer is empty.

    SQuAD 2.0's scorer passes over gold answers that normalise to nothing.
    """
    em, overlap = SCORERS[variant]
    answers = list(gold)
    if variant == SQUAD2:
        answers = [answer for answer in answers if normalise(answer)]
    answers = answers or [""]
    return Judged(
        exact_match=max(em(answer, predicted) for answer in answers),
        f1=max(overlap(answer, predicted) for answer in answers),
    )


def evaluate(gold: Sequence[Sequence[str]], predicted: Sequence[str], *, variant: str = SQUAD2) -> dict[str, Any]:
    """Judge answers to questions; `gold[i]` are the accepted texts, none for an unanswerable question.

    Returns {"metrics": {exact_match, f1, answerable_exact_match, answerable_f1, no_answer_accuracy}
    (those that have questions, from 0 to 1), "per_question": [{"exact_match", "f1"}]}. Official scorers print these times 100.
    Raises `ValueError` when the lengths differ.
    """
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} questions and {len(predicted)} answers")
    judged = [judge(answers, text, variant) for answers, text in zip(gold, predicted, strict=True)]
    metrics = _means(judged, "")
    metrics |= _means([each for each, answers in zip(judged, gold, strict=True) if answers], "answerable_")
    empty = [each.exact_match for each, answers in zip(judged, gold, strict=True) if not answers]
    if empty:
        metrics["no_answer_accuracy"] = sum(empty) / len(empty)
    per_question = [{"exact_match": each.exact_match, "f1": each.f1} for each in judged]
    return {"metrics": metrics, "per_question": per_question}


def _means(judged: Sequence[Judged], prefix: str) -> dict[str, float]:
    if not judged:
        return {}
    return {
        f"{prefix}exact_match": sum(each.exact_match for each in judged) / len(judged),
        f"{prefix}f1": sum(each.f1 for each in judged) / len(judged),
    }


def best_no_answer_threshold(
    scores: Sequence[float], no_answer: Sequence[float], answerable: Sequence[bool]
) -> tuple[float, float]:
    """(threshold, mean score): say "no answer" where the model's score for that is above the threshold.

    `scores` are what each question earns when its answer is given (exact match or F1, or 1 when an
    unanswerable one's answer is empty already). Saying that there is none earns 1 on an unanswerable
    question, else 0. This is SQuAD 2.0's search, except that questions of equal score are told apart
    by no threshold, and that the threshold lies half way to the next score.
    """
    if not scores:
        return 0.0, 0.0
    order = sorted(range(len(scores)), key=lambda index: no_answer[index])
    earned = best = float(sum(not each for each in answerable))
    threshold = no_answer[order[0]] - 1.0
    for place, index in enumerate(order):
        earned += scores[index] - (not answerable[index])
        following = no_answer[order[place + 1]] if place + 1 < len(order) else no_answer[index] + 2.0
        if earned > best and following != no_answer[index]:
            best, threshold = earned, (no_answer[index] + following) / 2
    return threshold, best / len(scores)
