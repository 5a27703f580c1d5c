"""What the answers of each task add to a row: names of columns, and a value for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlpstudio.engine.tasks.classification import CHOSEN_FROM

MOST_SCORES = 200
"""With more labels than this there is no column a label: a spreadsheet of thousands of columns helps nobody."""
DIGITS = 6
YES, NO = "yes", "no"

Value = str | int | float | list[Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a model can say. `labels` are in its order; `abstains`: rows that are not sure enough are marked."""

    labels: tuple[str, ...]
    multilabel: bool = False
    abstains: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """`inputs` makes a prediction's input of the texts by role; `values` are in the order of `columns`."""

    inputs: Callable[[Mapping[str, str]], Any]
    columns: Callable[[Outputs], list[str]]
    values: Callable[[Any, Outputs], list[Value]]


def _text(texts: Mapping[str, str]) -> Any:
    return texts["text"] if len(texts) == 1 else dict(texts)


def _label_columns(outputs: Outputs) -> list[str]:
    scores = [f"score_{label}" for label in outputs.labels] if len(outputs.labels) <= MOST_SCORES else []
    return ["prediction", "confidence", *(["abstained"] if outputs.abstains else []), *scores]


def _label_values(answer: Sequence[Mapping[str, Any]], outputs: Outputs) -> list[Value]:
    """The likeliest label and its probability; with several labels a row, those chosen and the least sure decision."""
    score_of = {each["label"]: each["score"] for each in answer}
    if outputs.multilabel:
        prediction = "|".join(label for label in outputs.labels if score_of[label] >= CHOSEN_FROM)
        confidence = min(max(score, 1 - score) for score in score_of.values())
    else:
        prediction, confidence = answer[0]["label"], answer[0]["score"]
    scores: list[Value] = [_number(score_of[label]) for label in outputs.labels]
    abstained: list[Value] = [YES if answer[0]["abstained"] else NO] if outputs.abstains else []
    return [prediction, _number(confidence), *abstained, *(scores if len(scores) <= MOST_SCORES else [])]


def _entity_values(answer: Sequence[Mapping[str, Any]], outputs: Outputs) -> list[Value]:
    return [[{**each, "score": _number(each["score"])} for each in answer]]


def _answer_values(answer: Mapping[str, Any], outputs: Outputs) -> list[Value]:
    return [answer["answer"], _number(answer["score"]), answer["start"], answer["end"]]


def _written(column: str, key: str) -> Answers:
    """One column with the text that was written."""
    return Answers(
        inputs=lambda texts: next(iter(texts.values())),
        columns=lambda outputs: [column],
        values=lambda answer, outputs: [answer[key]],
    )


def _number(value: float) -> float:
    return round(float(value), DIGITS)


ANSWERS: Mapping[str, Answers] = {
    "classification": Answers(inputs=_text, columns=_label_columns, values=_label_values),
    "ner": Answers(inputs=_text, columns=lambda outputs: ["entities"], values=_entity_values),
    "translation": _written("translation", "translation_text"),
    "summarization": _written("summary", "summary_text"),
    "generation": _written("response", "generated_text"),
    "qa": Answers(inputs=dict, columns=lambda outputs: ["answer", "score", "start", "end"], values=_answer_values),
}

ERROR = "error"
"""The last column: why a row could not be answered."""


def columns_of(task: str, outputs: Outputs, taken: Sequence[str]) -> list[str]:
    """The names of the added columns, the error's last; one that the file has already gets a number."""
    names: list[str] = []
    for name in (*ANSWERS[task].columns(outputs), ERROR):
        fresh, number = name, 1
        while fresh in taken or fresh in names:
            number += 1
            fresh = f"{name}_{number}"
        names.append(fresh)
    return names


def as_cell(value: Value) -> str:
    """A value as the text of a table's cell; a list is JSON."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)
