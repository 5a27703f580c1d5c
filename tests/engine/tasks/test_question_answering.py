"""The best span over all windows is found where it stands, and "no answer" is said where it pays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from nlpstudio.engine.data.rows import QARow
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.question_answering import TASK, UNKNOWN, QAExample
from nlpstudio.engine.tasks.span_search import Candidate, Found, Scored, best_spans, probabilities, search
from nlpstudio.engine.training import evaluate, loop
from tests.engine.cast import CPU, qa_rows, training
from tests.engine.tasks.conftest import TOKENIZERS
from tests.engine.tasks.texts import texts

names = st.sampled_from(sorted(TOKENIZERS))
filled = texts.filter(str.strip)


def setup(max_length: int = 64, overlap: int = 8, **decision: Any) -> Setup:
    return Setup(labels=(), max_length=max_length, params=TrainParams(doc_stride=overlap), decision=decision)


def row(context: str, question: str, *answers: tuple[str, int]) -> QARow:
    return QARow(row_id=1, line=4, context=context, question=question, answers=answers)


def told(example: QAExample) -> Any:
    """The logits [tokens, 2] of a model that knows this window's answer."""
    logits = np.zeros((len(example), 2), dtype=np.float32)
    if example.start != UNKNOWN:
        logits[example.start, 0] = logits[example.end, 1] = 9
    return logits


def found(*candidates: tuple[int, int, float], no_answer: float = -9.0) -> Found:
    spans = (Candidate(start=start, end=end, score=score) for start, end, score in candidates)
    return Found(candidates=tuple(spans), no_answer=no_answer)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(0, 12), longest=st.integers(1, 15), count=st.integers(1, 30))
def test_no_better_span_is_overlooked(seed: int, size: int, longest: int, count: int) -> None:
    random = np.random.default_rng(seed)
    logits, allowed = random.normal(size=(size, 2)).astype(np.float32), random.random(size) < 0.8
    every = [
        float(logits[first, 0] + logits[last, 1])
        for first in range(size)
        for last in range(first, min(size, first + longest))
        if allowed[first] and allowed[last]
    ]
    spans = best_spans(logits, allowed, longest, count)
    assert sorted((score for _, _, score in spans), reverse=True) == pytest.approx(sorted(every, reverse=True)[:count])
    assert all(allowed[first] and allowed[last] and 0 <= last - first < longest for first, last, _ in spans)


def test_windows_are_searched_together() -> None:
    places = np.arange(4, dtype=np.int32)
    one = Scored(
        logits=np.array([[0, 0], [3, 3], [0, 0], [0, 1]], np.float32), starts=places, ends=places + 1, no_answer=2.0
    )
    two = Scored(logits=np.array([[5, 0], [0, 4]], np.float32), starts=places[2:], ends=places[2:] + 1, no_answer=1.0)
    merged = search([one, two], longest=3, count=3)
    assert [(each.start, each.end) for each in merged.candidates] == [(2, 4), (1, 2), (2, 3)]
    assert merged.no_answer == 1.0
    assert merged.no_answer_margin == 1.0 - 9.0


@st.composite
def asked(draw: st.DrawFn) -> QARow:
    context = draw(st.lists(filled, min_size=1, max_size=4).map(" ".join))
    solid = [at for at, sign in enumerate(context) if not sign.isspace()]
    start, last = sorted((draw(st.sampled_from(solid)), draw(st.sampled_from(solid))))
    return row(context, draw(filled), (context[start : last + 1], start))


@settings(max_examples=300, deadline=None)
@given(row=asked(), name=names, max_length=st.integers(8, 48), overlap=st.integers(1, 40))
def test_a_known_answer_comes_back_from_its_window(row: QARow, name: str, max_length: int, overlap: int) -> None:
    wanted = setup(max_length, overlap, longest_answer=500)
    examples = TASK.encode([row], TOKENIZERS[name], wanted).examples
    assert all(len(example) <= max_length for example in examples)
    (prediction,) = TASK.decode([row], examples, [told(each) for each in examples], wanted)
    ((text, start),) = row.answers
    for each in prediction.candidates:
        assert row.context[each.start : each.end] == row.context[each.start : each.end].strip() != ""
    inside = [each for each in examples if each.start not in (UNKNOWN, each.null)]
    if inside:  # else it is longer than a window, or the tokenizer dropped all of it
        best, pieces = prediction.candidates[0], inside[0].pieces
        within = (pieces.starts < start + len(text)) & (pieces.ends > start) & pieces.filled
        assert best.start == pieces.starts[within].min()
        assert best.end == pieces.ends[within].max()


def test_the_blank_before_an_xlmr_text_is_no_answer() -> None:
    given_row = row("中国在北京", "ab", ("中国", 0))
    (example,) = TASK.encode([given_row], TOKENIZERS["unigram"], setup()).examples
    assert example.start == example.offset + 1
    logits = told(example)
    logits[example.offset] = 99
    logits[: example.offset - 1] = 99
    (prediction,) = TASK.decode([given_row], [example], [logits], setup())
    best = prediction.candidates[0]
    assert given_row.context[best.start : best.end] == "中国"


def test_windows_without_the_answer_point_at_the_classification_token_and_a_long_question_is_counted() -> None:
    given_row = row("the film was good . " * 12 + "anna", "where " * 40, ("anna", 240))
    encoded = TASK.encode([given_row, row("anna", "who")], TOKENIZERS["wordpiece"], setup(32))
    assert encoded.truncated == 1
    *before, last, unanswered = encoded.examples
    assert len(before) > 2
    assert {(each.start, each.end) for each in (*before, unanswered)} == {(0, 0)}
    assert last.start == last.end == len(last) - 2


def test_the_loss_is_the_mean_of_start_and_end_as_transformers_computes_it(base_model: Path, tmp_path: Path) -> None:
    run = training("qa", base_model, tmp_path)
    some: Any = run.train[:6]
    logits = torch.from_numpy(np.concatenate(evaluate.logits_of(run.encoder, run.model, some, CPU)))
    ours = TASK.loss(logits, some, run.setup).item() / TASK.weight(some, run.setup)
    theirs = []
    for example in some:
        ids, types = (torch.from_numpy(each).long()[None] for each in (example.ids, example.types))
        places = {"start_positions": torch.tensor([example.start]), "end_positions": torch.tensor([example.end])}
        with torch.no_grad():
            theirs.append(run.model.eval()(input_ids=ids, token_type_ids=types, **places).loss.item())
    assert ours == pytest.approx(np.mean(theirs), rel=1e-4)


def test_the_threshold_is_the_one_that_pays_most_and_only_where_questions_may_be_unanswerable() -> None:
    rows = [row("anna in paris", "who", ("anna", 0)), row("anna in paris", "why"), row("anna in paris", "how")]
    spans = (0, 4, 5.0)
    predictions = [found(spans, no_answer=1.0), found(spans, no_answer=3.0), found(spans, no_answer=4.0)]
    decision = TASK.tune(rows, predictions, setup())
    assert -4 < decision["no_answer_threshold"] < -2
    tuned = TASK.score(rows, predictions, setup(**decision))["metrics"]
    assert tuned["f1"] == tuned["no_answer_accuracy"] == 1.0
    assert TASK.score(rows, predictions, setup())["metrics"]["f1"] == pytest.approx(1 / 3)
    assert TASK.tune(rows[:1], predictions[:1], setup()) == {}


def test_records_and_tables_tell_what_was_answered() -> None:
    rows = [row("anna in paris", "who is it", ("anna", 0)), row("安娜住在巴黎", "在哪里"), row("anna", "why", ("a", 3))]
    predictions = [found((0, 4, 5.0), (8, 13, 4.0)), found((0, 2, 1.0), no_answer=3.0), found((0, 4, 1.0))]
    report = TASK.score(rows, predictions, setup())
    assert report["metrics"]["exact_match"] == pytest.approx(2 / 3)
    words = {each["label"]: (each["rows"], each["exact_match"]) for each in report["by_question_word"]}
    assert words == {"who": (1, 1.0), "哪里": (1, 1.0), "why": (1, 0.0)}
    assert [each["label"] for each in report["by_answer_length"]] == ["1", "no answer"]
    first, second, third = TASK.records(rows, predictions, setup())
    assert (first["predicted"], first["start"], first["end"], first["correct"]) == (["anna"], 0, 4, True)
    assert [each["answer"] for each in first["n_best"]] == ["anna", "paris"]
    assert (second["gold"], second["predicted"], second["start"], second["correct"]) == ([], [], -1, True)
    assert second["confidence"] == second["no_answer_score"] > 0.5
    assert not third["correct"]


def test_probabilities_agree_with_the_threshold() -> None:
    close = found((0, 1, 2.0), (1, 2, 1.0), no_answer=2.5)
    shares, none = probabilities(close, 0.0)
    assert none > shares[0] > shares[1]
    assert sum(shares) + none == pytest.approx(1)
    shares, none = probabilities(close, 1.0)
    assert shares[0] > none
    assert probabilities(close, None)[1] == 0.0
    assert probabilities(found(), None) == ([], 0.0)


CONTEXT = "Anna lives in Paris 🇫🇷 today."


def answered(parameters: dict[str, Any], inputs: Any = None, **decision: Any) -> Any:
    inputs = inputs or {"question": "who", "context": CONTEXT}
    rows = TASK.parse(inputs)
    predictions = [found((0, 4, 5.0), (1, 4, 4.5), (14, 18, 4.0), no_answer=4.8)] * len(rows)
    return TASK.respond(inputs, rows, predictions, parameters, TASK.adapt(setup(**decision), parameters))


def test_one_question_has_one_answer_and_several_a_list() -> None:
    one = answered({})
    assert {key: one[key] for key in ("answer", "start", "end")} == {"answer": "Anna", "start": 0, "end": 4}
    question = {"question": "who", "context": CONTEXT}
    assert answered({}, [question]) == [one]
    assert answered({}, {"question": ["who", "where"], "context": CONTEXT}) == [one, one]
    assert answered({}, {"question": ["who"], "context": [CONTEXT]}) == [one]
    assert [each["answer"] for each in answered({"top_k": 2})] == ["Anna", "nna"]
    assert [len(each) for each in answered({"top_k": 2}, [question, question])] == [2, 2]


def test_no_answer_is_given_where_the_model_learnt_it_or_the_request_wants_it() -> None:
    assert [each["answer"] for each in answered({"top_k": 9})] == ["Anna", "nna", "Pari"]
    wanted = answered({"top_k": 9, "handle_impossible_answer": True})
    assert [each["answer"] for each in wanted] == ["Anna", "", "nna", "Pari"]
    assert sum(each["score"] for each in wanted) == pytest.approx(1)
    none = answered({}, no_answer_threshold=-1.0)
    assert (none["answer"], none["start"], none["end"]) == ("", 0, 0)
    assert answered({"handle_impossible_answer": False}, no_answer_threshold=-1.0)["answer"] == "Anna"


def test_answers_are_widened_to_words_on_request() -> None:
    assert [each["answer"] for each in answered({"top_k": 9, "align_to_words": True})] == ["Anna", "Paris"]


@pytest.mark.parametrize(
    ("inputs", "parameters"),
    [
        ("who", {}),
        ([], {}),
        ({"question": "who"}, {}),
        ({"question": " ", "context": "a"}, {}),
        ({"question": "who", "context": ""}, {}),
        ({"question": ["who", "why"], "context": ["a"]}, {}),
        ([{"question": ["who"], "context": "a"}], {}),
        ({"question": "who", "context": "a"}, {"top_k": 0}),
        ({"question": "who", "context": "a"}, {"max_seq_len": 4}),
        ({"question": "who", "context": "a"}, {"align_to_words": 1}),
        ({"question": "who", "context": "a"}, {"temperature": 1}),
    ],
)
def test_what_it_cannot_take_is_refused(inputs: Any, parameters: dict[str, Any]) -> None:
    with pytest.raises(UnsuitableInput):
        TASK.parse(inputs)
        TASK.adapt(setup(), parameters)


def test_a_request_bounds_windows_questions_and_answers() -> None:
    changed = TASK.adapt(setup(64, no_answer_threshold=1.0), {"max_seq_len": 32, "doc_stride": 3, "max_answer_len": 5})
    assert (changed.max_length, changed.params.doc_stride) == (32, 3)
    assert changed.decision["longest_answer"] == 5
    assert changed.decision["no_answer_threshold"] == 1.0
    assert TASK.adapt(setup(64), {"max_seq_len": 512}).max_length == 64


def test_a_saved_model_keeps_its_decision_and_plain_transformers_reads_it(base_model: Path, tmp_path: Path) -> None:
    run = training("qa", base_model, tmp_path, epochs=40, learning_rate=3e-3, early_stopping=0)
    list(loop.train(run))
    rows: Any = qa_rows()
    assert run.validation is not None
    run.model.config.decision = TASK.tune(
        rows, evaluate.predict(TASK, run.encoder, run.model, run.validation, run.setup, CPU), run.setup
    )
    run.model.save_pretrained(tmp_path / "model")
    AutoTokenizer.from_pretrained(base_model).save_pretrained(tmp_path / "model")

    predictor = Predictor.load(tmp_path / "model")
    assert predictor.setup.decision == run.model.config.decision
    answers: Any = predictor.predict([{"question": each.question, "context": each.context} for each in rows])
    right = [
        each["answer"] == (given.answers[0][0] if given.answers else "")
        for given, each in zip(rows, answers, strict=True)
    ]
    assert sum(right) >= 15

    plain = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "model").eval()
    example = run.train[0]
    assert example.types is not None
    with torch.no_grad():
        theirs = plain(
            input_ids=torch.from_numpy(example.ids).long()[None],
            token_type_ids=torch.from_numpy(example.types).long()[None],
        )
    (ours,) = evaluate.logits_of(run.encoder, run.model, [example], CPU)
    np.testing.assert_allclose(ours[:, 0], theirs.start_logits[0].numpy(), atol=1e-4)
    np.testing.assert_allclose(ours[:, 1], theirs.end_logits[0].numpy(), atol=1e-4)
