"""What makes a good row of each task: the table of checkers, and the checker of classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

from nlpstudio.engine.data.lines import forbidden, printable
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.readers.values import as_text
from nlpstudio.engine.data.rows import ClassificationRow, Row
from nlpstudio.engine.data.source import SPLIT_ALIASES

MAX_LABEL = 200
LABEL_SEPARATOR = "|"


class Refused(Exception):
    """A row cannot be used; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Checker(Protocol):
    """Turns the values of a row into a row of its task.

    `check` raises `Refused`, or returns the row and the problems that were repaired in it.
    """

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]: ...


class ClassificationChecker:
    """A text, a label (or several), perhaps a second text."""

    def __init__(self, options: ImportOptions) -> None:
        self._multilabel = options.multilabel

    def check(self, values: Mapping[str, Any], line: int) -> tuple[Row, list[Problem]]:
        text = text_of(values, "text", line)
        pair = text_of(values, "text_pair", line) if "text_pair" in values else None
        return ClassificationRow(line=line, text=text, text_pair=pair, labels=self._labels(values, line)), []

    def _labels(self, values: Mapping[str, Any], line: int) -> tuple[str, ...]:
        value = values.get("label")
        given = value if isinstance(value, list | tuple) else [value]
        labels = [scalar(each, "label", line).strip() for each in given]
        if self._multilabel:
            labels = [piece.strip() for label in labels for piece in label.split(LABEL_SEPARATOR)]
            labels = list(dict.fromkeys(label for label in labels if is_visible(label)))
        elif len(labels) > 1:
            shown = f"{LABEL_SEPARATOR}".join(labels)
            refuse(line, "label", "label.several", "has several labels", shown, "Turn on several labels a row.")
        elif not labels or not is_visible(labels[0]):
            refuse(line, "label", "label.empty", "has no label", "", "Give the row a label, or take it out.")
        for label in labels:
            if len(label) > MAX_LABEL:
                message = f"has a label of {len(label)} characters"
                refuse(line, "label", "label.too_long", message, label, "Check which column holds the labels.")
            if not label.isprintable() and (problem := forbidden(label, line, "label")):
                raise Refused(problem)
        return tuple(labels)


def text_of(values: Mapping[str, Any], role: str, line: int) -> str:
    """A needed text. Raises `Refused` when it is missing, invisible, or holds what no text may hold."""
    text = scalar(values.get(role), role, line)
    if not is_visible(text):
        refuse(
            line, role, f"{role}.empty", f"the {role.replace('_', ' ')} is empty", text, "Fill it, or take the row out."
        )
    if not text.isprintable() and (problem := forbidden(text, line, role)):
        raise Refused(problem)
    return text


def is_visible(text: str) -> bool:
    """Whether there is anything to see: not only blanks, marks of direction and the like."""
    return any(sign.isprintable() and not sign.isspace() for sign in text)


def scalar(value: Any, role: str, line: int) -> str:
    """A value as text; a list or an object is refused."""
    try:
        return as_text(value)
    except TypeError as error:
        message = f"the {role.replace('_', ' ')} is no text: {error}"
        refuse(line, role, "value.not_text", message, str(value), "Give one text or number.")


def refuse(line: int, column: str, code: str, message: str, value: str, fix: str) -> NoReturn:
    """Raise `Refused` with this problem."""
    shown = printable(value)
    raise Refused(Problem(line=line, column=column, code=code, message=message, value=shown, fix=fix))


def split_of(values: Mapping[str, Any], line: int) -> str | None:
    """The split a row asks for, `None` when its cell is empty."""
    given = scalar(values.get("split"), "split", line).strip().casefold()
    if not given:
        return None
    if given not in SPLIT_ALIASES:
        refuse(line, "split", "split.unknown", f"{given!r} is no split", given, "Write train, validation or test.")
    return SPLIT_ALIASES[given]
