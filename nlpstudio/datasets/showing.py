"""Rows as pages show them: a text with its label, with its entities marked, or with its answer marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlpstudio.core.marks import Mark, Segment, colour_of, entity_types, marks_of_tags, segments
from nlpstudio.engine.catalogue import CATALOGUE

CUT = 360
AROUND = 120
LONGEST_WORD = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A label and which tint of the palette it has."""

    text: str
    colour: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRow:
    """One row, ready to print. `pieces` make up the main text; `begun` says that some of it stands before, `cut` that
    it goes on.
    """

    row_id: int
    line: int
    split: str
    pieces: Sequence[Segment]
    question: str = ""
    pair: str = ""
    written: str = ""
    labels: Sequence[Tag] = ()
    answers: Sequence[str] = ()
    unanswerable: bool = False
    begun: bool = False
    cut: bool = False


def shown(record: Mapping[str, Any], task: str, labels: Sequence[str], *, whole: bool = False) -> ShownRow:
    """A stored or previewed record for a page. `labels` are all of the data set: they give the tints."""
    limit = None if whole else CUT
    common = {"row_id": record["row_id"], "line": record["line"], "split": record.get("split", "")}
    if task == "qa":
        return _question(record, common, limit)
    if CATALOGUE[task].writes:
        return _written(record, common, limit)
    text = record["text"]
    cut = limit is not None and len(text) > limit
    head = text[:limit]
    if task == "ner":
        types = entity_types(labels) or entity_types(record["tags"])
        marks = marks_of_tags(record["starts"], record["ends"], record["tags"])
        return ShownRow(**common, pieces=segments(head, marks, types), cut=cut)
    if task == "pretraining":
        return ShownRow(**common, pieces=[Segment(text=head)], cut=cut)
    tags = [Tag(text=label, colour=colour_of(label, labels)) for label in record["labels"]]
    return ShownRow(
        **common, pieces=[Segment(text=head)], pair=(record.get("text_pair") or "")[:limit], labels=tags, cut=cut
    )


def _question(record: Mapping[str, Any], common: dict[str, Any], limit: int | None) -> ShownRow:
    """The context is cut around the first answer, which must be seen."""
    context, texts, starts = record["context"], record["answer_texts"], record["answer_starts"]
    begin = _word_at(context, max(min(starts, default=0) - AROUND, 0)) if limit else 0
    end = begin + limit if limit else len(context)
    marks = [
        Mark(start=start - begin, end=start - begin + len(text), label="answer")
        for text, start in zip(texts, starts, strict=True)
        if start >= begin
    ]
    return ShownRow(
        **common,
        pieces=segments(context[begin:end], marks),
        question=record["question"],
        answers=list(dict.fromkeys(texts)),
        unanswerable=not texts,
        begun=begin > 0,
        cut=end < len(context),
    )


def _word_at(text: str, at: int) -> int:
    """Where the word after `at` begins; `at` itself in a text that has no spaces near it, such as Chinese."""
    space = text.find(" ", at - 1, at + LONGEST_WORD) if at else -1
    return at if space < 0 else space + 1


def _written(record: Mapping[str, Any], common: dict[str, Any], limit: int | None) -> ShownRow:
    """What is read above what is to be written; a text without a prompt stands alone."""
    given = record["source"] if "source" in record else record["prompt"]
    wanted = record["target"] if "source" in record else record["response"]
    said = "".join(f"{turn}\n" for turn in record.get("turns", ()))
    above, below = (wanted, "") if given is None else (f"{said}{given}", wanted)
    cut = limit is not None and max(len(above), len(below)) > limit
    return ShownRow(**common, pieces=[Segment(text=above[:limit])], written=below[:limit], cut=cut)


def label_choices(task: str, labels: Sequence[str]) -> list[str]:
    """What rows can be filtered by: classes, entity types, or whether there is an answer."""
    if task == "qa":
        return ["answerable", "unanswerable"]
    if task == "pretraining":
        return []
    return entity_types(labels) if task == "ner" else list(labels)
