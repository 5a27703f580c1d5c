"""A prediction laid out for its page, by task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nlpstudio.core.marks import Mark, Segment, colour_of, entity_types, segments
from nlpstudio.registry.models import ModelVersion

BARS = 10
"""Labels shown as bars; a model with more shows its likeliest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A label with its score; `is_best` marks the likeliest."""

    label: str
    score: float
    is_best: bool = False
    colour: int = 0
    kind: str = ""

    @property
    def name(self) -> str:
        """The passage with its type."""
        return f"{self.label} · {self.kind}" if self.kind else self.label


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`bars` of a classifier (`abstained`: a person should decide), `marked` text with its `legend` and `found` passages; `empty`: there is nothing to show.

    For answers, `found` are the possible ones in order; one without text says that there is no answer.
    """

    bars: list[Bar] = field(default_factory=list)
    others: int = 0
    marked: list[Segment] = field(default_factory=list)
    legend: list[Bar] = field(default_factory=list)
    found: list[Bar] = field(default_factory=list)
    text: str = ""
    abstained: bool = False
    gaps: list[list[Bar]] = field(default_factory=list)
    perplexity: float | None = None

    @property
    def best(self) -> Bar | None:
        if self.text:
            return Bar(label=self.text, score=0, is_best=True)
        return next(
            (each for each in (*self.bars, *self.found, *(bar for gap in self.gaps for bar in gap)) if each.is_best),
            None,
        )


def lay_out(version: ModelVersion, inputs: Any, prediction: Any) -> Result:
    """The page's view of the answer to one input."""
    return LAYOUTS[version.model.task](version, inputs, prediction)


def _classification(version: ModelVersion, inputs: Any, prediction: Any) -> Result:
    scores = prediction[0]
    bars = [Bar(label=each["label"], score=each["score"], is_best=not at) for at, each in enumerate(scores[:BARS])]
    return Result(bars=bars, others=max(0, len(scores) - BARS), abstained=scores[0].get("abstained", False))


def _ner(version: ModelVersion, inputs: Any, prediction: Any) -> Result:
    types = entity_types(version.labels)
    marks = [Mark(start=e["start"], end=e["end"], label=e["entity_group"], score=e["score"]) for e in prediction]
    seen = {mark.label for mark in marks}
    legend = [Bar(label=name, score=0, colour=colour_of(name, types)) for name in types if name in seen]
    found = [
        Bar(
            label=inputs[mark.start : mark.end],
            score=mark.score or 0,
            colour=colour_of(mark.label, types),
            kind=mark.label,
        )
        for mark in marks
    ]
    return Result(marked=segments(inputs, marks, types), legend=legend, found=found)


def _qa(version: ModelVersion, inputs: Any, prediction: Any) -> Result:
    answers: Sequence[Mapping[str, Any]] = prediction if isinstance(prediction, list) else [prediction]
    best = answers[0]
    # The best answer first: a mark that overlaps an earlier one is left out.
    marks: list[Mark] = []
    for at, each in enumerate(answers):
        free = all(each["end"] <= mark.start or each["start"] >= mark.end for mark in marks)
        if each["answer"] and free:
            marks.append(Mark(start=each["start"], end=each["end"], label=str(at + 1), score=each["score"]))
    types = [str(at + 1) for at in range(len(answers))]
    found = [
        Bar(label=each["answer"], score=each["score"], is_best=each is best, colour=at)
        for at, each in enumerate(answers)
    ]
    return Result(marked=segments(inputs["context"], marks, types), found=found)


def _pretraining(version: ModelVersion, inputs: Any, prediction: Any) -> Result:
    """Bars for each gap, for the two classes of a pair, or for each token of a text that is judged."""
    if isinstance(prediction, Mapping):
        words = [Bar(label=each["token"], score=each["score"]) for each in prediction["words"]]
        return Result(found=words, perplexity=prediction["perplexity"])
    if "label" in prediction[0]:
        return Result(
            bars=[Bar(label=each["label"], score=each["score"], is_best=not at) for at, each in enumerate(prediction)]
        )
    gaps = prediction if isinstance(prediction[0], list) else [prediction]
    return Result(
        gaps=[
            [Bar(label=each["token_str"] or "␣", score=each["score"], is_best=not at) for at, each in enumerate(gap)]
            for gap in gaps
        ]
    )


def _written(version: ModelVersion, inputs: Any, prediction: Any) -> Result:
    (answer,) = prediction
    return Result(text=next(iter(answer.values())))


LAYOUTS: Mapping[str, Callable[[ModelVersion, Any, Any], Result]] = {
    "classification": _classification,
    "ner": _ner,
    "qa": _qa,
    "pretraining": _pretraining,
    "translation": _written,
    "summarization": _written,
    "generation": _written,
}
