"""Questions as Hugging Face's clients ask them, and the answers they expect."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, fields
from typing import Any

from nlpstudio.engine.data.rows import QARow
from nlpstudio.engine.data.tokens import cut_tokens
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.shapes import Answer, Parameters
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.qa_report import UNTUNED
from nlpstudio.engine.tasks.span_search import Found, probabilities, without_repeats

LENGTHS = {"top_k": 100, "doc_stride": 4096, "max_answer_len": 512, "max_question_len": 512, "max_seq_len": 8192}
SHORTEST_SEQUENCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The parameters of a request. Lengths are in word pieces.

    `handle_impossible_answer` None: "no answer" is one of the answers where the model learnt when to give it.
    `align_to_words` widens answers to whole words; off unless asked for, so that answers are those that were scored.
    """

    top_k: int = 1
    doc_stride: int | None = None
    max_answer_len: int | None = None
    max_question_len: int | None = None
    max_seq_len: int | None = None
    handle_impossible_answer: bool | None = None
    align_to_words: bool = False


def options(parameters: Parameters) -> Options:
    """Check a request's parameters. Raises `UnsuitableInput`."""
    given = {key: value for key, value in parameters.items() if value is not None}
    known = [each.name for each in fields(Options)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UnsuitableInput(f"unknown parameter: {', '.join(unknown)}", hint=f"Known: {', '.join(known)}.")
    for name, value in given.items():
        if name not in LENGTHS:
            if not isinstance(value, bool):
                raise UnsuitableInput(f"{name} must be true or false, not {value!r}")
            continue
        least = SHORTEST_SEQUENCE if name == "max_seq_len" else 1
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LENGTHS[name]:
            raise UnsuitableInput(f"{name} must be a whole number from {least} to {LENGTHS[name]}, not {value!r}")
    return Options(**given)


def parse(inputs: Any) -> list[QARow]:
    """`{"question", "context"}`, a list of these, or one object with lists of both (or one context for all)."""
    if isinstance(inputs, dict) and asks_several(inputs):
        inputs = _spread(inputs)
    given = inputs if isinstance(inputs, list) else [inputs]
    if not given:
        raise UnsuitableInput("inputs is empty", hint="Give an object with question and context, or a list of these.")
    return [_row_of(each) for each in given]


def asks_several(inputs: Any) -> bool:
    """Whether a list of answers is expected."""
    return isinstance(inputs, list) or (isinstance(inputs, dict) and isinstance(inputs.get("question"), list))


def answer(row: QARow, found: Found, wanted: Options, setup: Setup) -> Answer | list[Answer]:
    """The likeliest answer, or a list of the `top_k` likeliest; "no answer" is the empty one at 0."""
    threshold: float | None = setup.decision.get("no_answer_threshold")
    if wanted.handle_impossible_answer is not None:
        threshold = (UNTUNED if threshold is None else threshold) if wanted.handle_impossible_answer else None
    if wanted.align_to_words:
        found = without_repeats(found, _widened(row.context, found))
    shares, none = probabilities(found, threshold)
    answers = [
        Answer(answer=row.context[each.start : each.end], score=share, start=each.start, end=each.end)
        for each, share in zip(found.candidates, shares, strict=True)
    ]
    if threshold is not None or not answers:
        answers.append(Answer(answer="", score=none, start=0, end=0))
    answers.sort(key=lambda each: -each["score"])
    return answers[0] if wanted.top_k == 1 else answers[: wanted.top_k]


def _widened(context: str, found: Found) -> list[tuple[int, int]]:
    """The candidates' places, moved out to the borders of words (in Chinese each character is one)."""
    words = cut_tokens(context)
    starts, ends = [start for start, _ in words], [end for _, end in words]
    places = []
    for each in found.candidates:
        start = starts[max(0, bisect_right(starts, each.start) - 1)]
        end = ends[min(len(ends) - 1, bisect_left(ends, each.end))]
        places.append((min(start, each.start), max(end, each.end)))
    return places


def _spread(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """One object a question from lists of questions and contexts."""
    questions, contexts = inputs["question"], inputs.get("context")
    contexts = contexts if isinstance(contexts, list) else [contexts] * len(questions)
    if len(contexts) != len(questions):
        raise UnsuitableInput(f"there are {len(questions)} questions and {len(contexts)} contexts")
    rest = {key: value for key, value in inputs.items() if key not in ("question", "context")}
    return [{"question": q, "context": c, **rest} for q, c in zip(questions, contexts, strict=True)]


def _row_of(given: Any) -> QARow:
    if not isinstance(given, dict) or set(given) != {"question", "context"}:
        raise UnsuitableInput("each input must be an object with question and context")
    question, context = given["question"], given["context"]
    for name, text in (("question", question), ("context", context)):
        if not isinstance(text, str):
            raise UnsuitableInput(f"{name} must be a text")
        if not text.strip():
            raise UnsuitableInput(f"{name} is empty", hint="Give a question and a text that may answer it.")
    return QARow(context=context, question=question, answers=())
