"""Our answer scores are those of the official SQuAD and CMRC rules, restated here from the papers and scripts' definitions."""

from __future__ import annotations

import re
import string
from difflib import SequenceMatcher

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlpstudio.engine.metrics.answers import (
    CMRC,
    SQUAD1,
    SQUAD2,
    best_no_answer_threshold,
    chinese_pieces,
    evaluate,
    judge,
    variant_for,
)
from nlpstudio.engine.metrics.treebank import treebank_words

WORDS = [
    "the",
    "a",
    "An",
    "Theory",
    "cat",
    "Cat",
    "cat,",
    "U.S.",
    "...",
    "-",
    "2,000",
    "é",
    "Ⅷ",
    "北京",
    "，",
    "’s",
    "\t",
    "an\na",
]
phrase = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=7).map(" ".join),
    st.text(alphabet=st.sampled_from("aAtThe.,'\"- \u00a0é京“”\n"), max_size=14),
)


def tokens_of(answer: str) -> list[str]:
    """SQuAD: lower case, punctuation away, articles away as whole words, cut at white space; in this order."""
    lowered = answer.lower()
    bare = lowered.translate({ord(sign): None for sign in string.punctuation})
    return re.sub(r"\b(?:a|an|the)\b", " ", bare, flags=re.UNICODE).split()


def overlap(truth: list[str], claim: list[str]) -> float:
    """The harmonic mean of the shares of common words, each word counted as often as in the poorer side."""
    rest, common = list(truth), 0
    for word in claim:
        if word in rest:
            rest.remove(word)
            common += 1
    return 2 * common / (len(truth) + len(claim)) if common else 0.0


def squad1(gold: list[str], predicted: str) -> tuple[float, float]:
    claim = tokens_of(predicted)
    return (
        max(float(tokens_of(answer) == claim) for answer in gold),
        max(overlap(tokens_of(answer), claim) for answer in gold),
    )


def squad2(gold: list[str], predicted: str) -> tuple[float, float]:
    claim = tokens_of(predicted)
    truths = [tokens for tokens in map(tokens_of, gold) if tokens] or [[]]
    exact = max(float(truth == claim) for truth in truths)
    f1 = max(overlap(truth, claim) if truth and claim else float(truth == claim) for truth in truths)
    return exact, f1


@settings(max_examples=1000, deadline=None)
@given(st.lists(phrase.filter(bool), min_size=1, max_size=3), phrase)
@example(["the"], "a")
@example(["The", "cat"], "")
def test_squad_1_scores_equal_the_official_rules(gold: list[str], predicted: str) -> None:
    judged = judge(gold, predicted, SQUAD1)
    assert (judged.exact_match, judged.f1) == pytest.approx(squad1(gold, predicted), abs=1e-9)


@settings(max_examples=1000, deadline=None)
@given(st.lists(phrase, max_size=3), phrase)
@example([], "")
@example([], "the")
@example(["the", "a"], "something")
def test_squad_2_scores_equal_the_official_rules(gold: list[str], predicted: str) -> None:
    judged = judge(gold, predicted, SQUAD2)
    assert (judged.exact_match, judged.f1) == pytest.approx(squad2(gold, predicted), abs=1e-9)


CMRC_SIGNS = list("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")


def cmrc(gold: str, predicted: str) -> tuple[float, float]:
    """CMRC 2018: signs away; Chinese characters alone, other runs as Treebank words; longest common run of both."""

    def bare(text: str) -> str:
        return "".join(sign for sign in text.lower().strip() if sign not in CMRC_SIGNS)

    def pieces(text: str) -> list[str]:
        found = []
        for run in re.findall("[\u4e00-\u9fa5]|[^\u4e00-\u9fa5]+", bare(text)):
            found += [run] if re.match("[\u4e00-\u9fa5]", run) else treebank_words(run)
        return found

    truth, claim = pieces(gold), pieces(predicted)
    common = SequenceMatcher(None, truth, claim, autojunk=False).find_longest_match().size
    return float(bare(gold) == bare(predicted)), 2 * common / (len(truth) + len(claim)) if common else 0.0


chinese = st.text(alphabet=st.sampled_from("北京大学的，。《》…“” aB1.%-年"), min_size=1, max_size=14).filter(str.strip)


@settings(max_examples=1000, deadline=None)
@given(chinese, chinese)
@example("3.5%的GDP", "GDP的3.5%")
def test_chinese_scores_equal_the_official_rules(gold: str, predicted: str) -> None:
    judged = judge([gold], predicted, CMRC)
    assert (judged.exact_match, judged.f1) == pytest.approx(cmrc(gold, predicted), abs=1e-9)


def test_chinese_pieces_are_characters_and_words() -> None:
    assert chinese_pieces("《Windows XP》于2001年发布") == ["windows", "xp", "于", "2001", "年", "发", "布"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3.5%", ["3.5", "%"]),
        ("u.s. dollars, 2,000.", ["u.s.", "dollars", ",", "2,000", "."]),
        ("don't (stop)", ["do", "n't", "(", "stop", ")"]),
        ("it's 1990—1991", ["it", "'s", "1990", "—", "1991"]),
        ("cannot...", ["can", "not", "..."]),
    ],
)
def test_other_scripts_are_cut_by_the_treebanks_conventions(text: str, words: list[str]) -> None:
    assert treebank_words(text) == words


def test_answerable_and_unanswerable_questions_are_judged_apart() -> None:
    judged = evaluate([["the cat"], []], ["cat", "dog"])
    assert judged["metrics"] == {
        "exact_match": 0.5,
        "f1": 0.5,
        "answerable_exact_match": 1.0,
        "answerable_f1": 1.0,
        "no_answer_accuracy": 0.0,
    }


@st.composite
def corpora(draw: st.DrawFn) -> list[tuple[list[str], str]]:
    """Questions with their accepted answers, and an answer that is free or close to an accepted one."""
    found = []
    for _ in range(draw(st.integers(1, 5))):
        gold = draw(st.lists(phrase, max_size=3))
        near = [each for text in gold for each in (text, text.upper(), f"the {text}.", text[: len(text) // 2])]
        found.append((gold, draw(st.one_of(phrase, st.sampled_from(["", *near])))))
    return found


@settings(max_examples=1000, deadline=None)
@given(corpora())
@example([(["the"], ""), ([], "the"), (["a cat"], "A CAT.")])
def test_the_scores_of_a_corpus_are_the_official_means(corpus: list[tuple[list[str], str]]) -> None:
    """Over all questions, over those with answers ("HasAns") and over those without ("NoAns")."""
    ours = evaluate([gold for gold, _ in corpus], [text for _, text in corpus], variant=SQUAD2)
    for prefix, kept in (("", corpus), ("answerable_", [each for each in corpus if each[0]])):
        scores = [squad2(gold, text) for gold, text in kept]
        for place, name in enumerate(("exact_match", "f1")):
            mean = sum(each[place] for each in scores) / len(scores) if scores else None
            assert ours["metrics"].get(prefix + name) == (mean if mean is None else pytest.approx(mean, abs=1e-9))
    none = [float(not tokens_of(text)) for gold, text in corpus if not gold]
    mean = sum(none) / len(none) if none else None
    assert ours["metrics"].get("no_answer_accuracy") == (mean if mean is None else pytest.approx(mean, abs=1e-9))


rows = st.lists(st.tuples(st.sampled_from([0.0, 0.4, 1.0]), st.integers(0, 5), st.booleans()), min_size=1, max_size=20)


@settings(max_examples=300, deadline=None)
@given(rows)
def test_the_no_answer_threshold_is_the_best_of_all(rows: list[tuple[float, int, bool]]) -> None:
    scores, no_answer, answerable = zip(*rows, strict=True)

    def earned(threshold: float) -> float:
        given = (score if none <= threshold else float(not can) for score, none, can in rows)
        return sum(given) / len(rows)

    threshold, best = best_no_answer_threshold(scores, no_answer, answerable)
    assert earned(threshold) == pytest.approx(best, abs=1e-9)
    assert best == pytest.approx(max(earned(cut - 0.5) for cut in range(8)), abs=1e-9)


def test_the_scorer_follows_the_script_of_the_texts() -> None:
    assert variant_for(["战国无双3由光荣开发"]) == CMRC
    assert variant_for(["Who wrote 红楼梦 in the 18th century?"]) == SQUAD2
