"""A judged row as its page shows it: texts cut into marked and unmarked segments, by task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nlpstudio.core.marks import Mark, Segment, entity_types, segments
from nlpstudio.registry.marks import overlaid
from nlpstudio.registry.mistakes import Judged
from nlpstudio.registry.models import ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One row. `texts` are what the model read, `gold` and `predicted` what the data and the model say.

    For texts with marks `gold_marks` and `predicted_marks` are the whole text in segments.
    """

    judged: Judged
    texts: list[str]
    gold: list[str]
    predicted: list[str]
    gold_marks: list[Segment] = field(default_factory=list)
    predicted_marks: list[Segment] = field(default_factory=list)


def shown(judged: Judged, version: ModelVersion) -> Shown:
    """The row laid out for the task of `version`."""
    return SHOWN[version.model.task](judged, version)


def _classification(judged: Judged, version: ModelVersion) -> Shown:
    texts = [judged.record["text"], judged.record["text_pair"]]
    return Shown(judged=judged, texts=list(filter(None, texts)), gold=judged.gold, predicted=judged.predicted)


def _ner(judged: Judged, version: ModelVersion) -> Shown:
    text, types = judged.record["text"], entity_types(version.labels)

    def marked(spans: str) -> list[Segment]:
        return segments(text, [Mark(**span) for span in judged.places[spans]], types)

    return Shown(
        judged=judged,
        texts=[],
        gold=[],
        predicted=[],
        gold_marks=marked("gold_spans"),
        predicted_marks=marked("predicted_spans"),
    )


def _qa(judged: Judged, version: ModelVersion) -> Shown:
    record = judged.record
    right = [
        Mark(start=start, end=start + len(text), label="right")
        for text, start in zip(record["answer_texts"], record["answer_starts"], strict=True)
    ]
    start, end = judged.places["start"], judged.places["end"]
    said = [Mark(start=start, end=end, label="said")] if start >= 0 else []
    return Shown(
        judged=judged,
        texts=[record["question"]],
        gold=list(dict.fromkeys(record["answer_texts"])),
        predicted=judged.predicted,
        gold_marks=overlaid(record["context"], right, said),
    )


def _written(judged: Judged, version: ModelVersion) -> Shown:
    record = judged.record
    given = record["source"] if "source" in record else record["prompt"]
    return Shown(judged=judged, texts=list(filter(None, [given])), gold=judged.gold, predicted=judged.predicted)


SHOWN: Mapping[str, Callable[[Judged, ModelVersion], Shown]] = {
    "classification": _classification,
    "ner": _ner,
    "qa": _qa,
    "translation": _written,
    "summarization": _written,
    "generation": _written,
}
