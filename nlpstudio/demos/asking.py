"""A question put to one version or two, and everything the page shows of the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.demos import abstaining, results, services
from nlpstudio.demos.forms import DEMOS, DemoForm
from nlpstudio.demos.results import Result
from nlpstudio.registry.models import ModelVersion

EXPLAINED = ("classification", "ner", "qa")
"""Tasks that `engine.inference.explaining` knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A decision of the answer that can be explained: its name, and the target as JSON."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one version says, or why it says nothing. `result` is laid out for the task's `template`."""

    version: ModelVersion
    template: str
    result: Result | None = None
    prediction: Any = None
    milliseconds: int = 0
    error: StudioError | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def json(self) -> str:
        return json.dumps(self.prediction, ensure_ascii=False, indent=2)


def ask(version: ModelVersion, form: DemoForm, *, must: bool = True) -> Answer:
    """Ask the version. Errors of the worker are raised with `must`, else they are part of the answer.

    Raises `UnsuitableInput`.
    """
    inputs, parameters = form.inputs(), {**form.parameters, **form.chosen, **abstaining.parameters_of(version)}
    template = DEMOS[version.model.task].result
    try:
        answered = services.predict(version, inputs, parameters)
    except StudioError as error:
        if must:
            raise
        return Answer(version=version, template=template, error=error)
    return Answer(
        version=version,
        template=template,
        result=results.lay_out(version, inputs, answered.prediction),
        prediction=answered.prediction,
        milliseconds=round(1000 * answered.seconds),
        parameters=parameters,
    )


def in_short(answer: Answer) -> str:
    """The answer in a few words, for lists."""
    result = answer.result
    if result is None:
        return ""
    if answer.version.model.task == "ner":
        return ", ".join(bar.label for bar in result.found[:5])
    return result.best.label if result.best and result.best.label else ""


def agree(one: Answer, other: Answer) -> bool | None:
    """Whether two versions decide alike; None when one of them said nothing."""
    if one.result is None or other.result is None:
        return None
    return bool(_decision(one) == _decision(other))


def _decision(answer: Answer) -> Any:
    if answer.version.model.task == "ner":
        return {(each["start"], each["end"], each["entity_group"]) for each in answer.prediction}
    return answer.result.best.label if answer.result and answer.result.best else ""


def choices(answer: Answer) -> list[Choice]:
    """The decisions of the answer that can be explained, the first being the likeliest."""
    if answer.result is None:
        return []
    task = answer.version.model.task
    if task not in EXPLAINED:
        return []
    if task == "classification":
        return [Choice(name=bar.label, value=_json(label=bar.label)) for bar in answer.result.bars]
    if task == "ner":
        return [
            Choice(
                name=f"{each['word']} · {each['entity_group']}",
                value=_json(start=each["start"], end=each["end"], label=each["entity_group"]),
            )
            for each in answer.prediction
        ]
    answers = answer.prediction if isinstance(answer.prediction, list) else [answer.prediction]
    return [
        Choice(name=each["answer"] or _("no answer"), value=_json(start=each["start"], end=each["end"]))
        for each in answers
    ]


def _json(**target: Any) -> str:
    return json.dumps(target, ensure_ascii=False)
