"""The checker of question answering: where in its context is each answer?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nlpstudio.engine.data.checking import Refused, refuse, scalar, text_of
from nlpstudio.engine.data.lines import forbidden, printable
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.rows import QARow, Row


class AnswerChecker:
    """A question, its context and where the answer stands in it; no answer means unanswerable."""

    def __init__(self, options: ImportOptions) -> None:
        self._options = options

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        context = text_of(values, "context", line)
        question = text_of(values, "question", line)
        # Published files give lists of answers; a table gives one, and only then is doubt the writer's to settle.
        listed = "answers" in values
        given = values["answers"] if listed else [(values.get("answer"), values.get("answer_start"))]
        places: list[tuple[str, int]] = []
        problems: list[Problem] = []
        for text, start in given:
            place, problem = self._place(context, scalar(text, "answer", line), start, line, listed)
            if place is not None:
                places.append(place)
            if problem is not None:
                problems.append(problem)
        if problems and not places:
            raise Refused(problems[0])
        problems = [each if "repaired" in each.message else _left_out(each) for each in problems]
        key = scalar(values.get("key"), "key", line)
        return QARow(line=line, context=context, question=question, answers=tuple(places), key=key), problems

    def _place(
        self, context: str, given: str, start: Any, line: int, listed: bool
    ) -> tuple[tuple[str, int] | None, Problem | None]:
        """The answer's text and start in the context, and what was wrong with it."""
        answer = given.strip()
        if not answer:
            return None, None
        if not answer.isprintable() and (wrong := forbidden(answer, line, "answer")):
            return None, wrong
        hint = _number(start, line)
        shift = len(given) - len(given.lstrip())
        if hint is not None and hint >= 0:
            if context.startswith(answer, hint + shift):
                return (answer, hint + shift), None
            return _nearest(context, answer, hint + shift, line)
        first = context.find(answer)
        if first < 0:
            return None, _not_found(answer, line)
        if context.find(answer, first + 1) < 0:
            return (answer, first), None
        return _first_of_several(context, answer, first, line, listed)


def _left_out(problem: Problem) -> Problem:
    """One of several answers cannot be used; the question keeps the others."""
    return replace(problem, message=f"repaired: the answer was left out, because {problem.message}")


def _number(start: Any, line: int) -> int | None:
    text = scalar(start, "answer_start", line).strip()
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        message = f"the answer's start {text!r} is no whole number"
        refuse(line, "answer_start", "answer.start_invalid", message, text, "Count characters from 0.")


def _nearest(context: str, answer: str, hint: int, line: int) -> tuple[tuple[str, int] | None, Problem | None]:
    """The occurrence nearest to a start that is off, which happens with bytes or UTF-16 units counted as characters."""
    before = context.rfind(answer, 0, max(min(hint, len(context)) + len(answer) - 1, 0))
    after = context.find(answer, max(hint, 0))
    found = [start for start in (before, after) if start >= 0]
    if not found:
        return None, _not_found(answer, line)
    start = min(found, key=lambda place: (abs(place - hint), place))
    problem = Problem(
        line=line,
        column="answer_start",
        code="answer.start_moved",
        message=f"repaired: the answer starts at {start}, not at {hint}",
        value=printable(answer),
        fix="Count the start in characters from 0.",
    )
    return (answer, start), problem


def _not_found(answer: str, line: int) -> Problem:
    return Problem(
        line=line,
        column="answer",
        code="answer.not_found",
        message="the answer does not occur in the context",
        value=printable(answer),
        fix="Copy the answer from the context, letter for letter.",
    )


def _first_of_several(
    context: str, answer: str, first: int, line: int, listed: bool
) -> tuple[tuple[str, int] | None, Problem | None]:
    count = context.count(answer)
    problem = Problem(
        line=line,
        column="answer_start",
        code="answer.first_taken" if listed else "answer.several",
        message=("repaired: took the first of several places" if listed else "occurs several times")
        + f" ({max(count, 2)} in the context)",
        value=printable(answer),
        fix="Give the start of the answer, in characters from 0.",
    )
    return ((answer, first) if listed else None), problem
