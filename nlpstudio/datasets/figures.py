"""A version's statistics, made ready for the page: shares for bars, coordinates for histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from nlpstudio.core.marks import colour_of
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.datasets.showing import label_choices
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.data.options import SPLITS

SHOWN = 60
WIDTH, HEIGHT = 480, 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One bar of a histogram: `count` things of `first` to `last`. The last bar's `last` is the largest there is."""

    x: float
    y: float
    width: float
    height: float
    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """How long something is, in figures and as a histogram."""

    title: str
    unit: str
    mean: float
    median: int
    p95: int
    p99: int
    longest: int
    columns: Sequence[Column]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBar:
    """A label's rows: `share` is against the most frequent one, `colour` the tint that it has in the rows too."""

    label: str
    total: int
    share: float
    colour: int
    per_split: Sequence[int]
    mean_length: float | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """What a corpus holds and what its import took out. `languages` are (code, characters, share)."""

    documents: int
    lines: int
    characters: int
    languages: Sequence[tuple[str, int, float]]
    taken_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that the statistics page shows. `labels` are entity types for tagging, empty for questions."""

    splits: Sequence[tuple[str, int, float]]
    labels: Sequence[LabelBar]
    more_labels: int
    lengths: Sequence[Lengths]
    duplicates: int
    duplicate_share: float
    without_entity: int | None = None
    unanswerable: int | None = None
    unanswerable_share: float | None = None
    contexts: int | None = None
    question_words: Sequence[tuple[str, int, float]] = ()
    corpus: Corpus | None = None


def of(version: DatasetVersion) -> Figures:
    """The figures of a version; empty ones before it is imported."""
    found = version.statistics
    rows = max(version.rows, 1)
    labels = found.get("entities") or found.get("labels") or []
    unanswerable = found.get("unanswerable") or {}
    words = found.get("question_words") or []
    most_words = max((each["count"] for each in words), default=1)
    return Figures(
        splits=[
            (name, version.splits[name], version.splits[name] / rows) for name in SPLITS if version.splits.get(name)
        ],
        labels=_bars(labels[:SHOWN], label_choices(version.dataset.task, version.labels)),
        more_labels=max(len(labels) - SHOWN, 0),
        lengths=_lengths(version.dataset.task, found),
        duplicates=found.get("duplicates", 0),
        duplicate_share=found.get("duplicates", 0) / rows,
        without_entity=found.get("without_entity"),
        unanswerable=unanswerable.get("rows"),
        unanswerable_share=unanswerable.get("share"),
        contexts=found.get("contexts"),
        corpus=_corpus(found.get("corpus")),
        question_words=[(_word(each["word"]), each["count"], each["count"] / most_words) for each in words],
    )


def _corpus(found: Mapping[str, Any] | None) -> Corpus | None:
    if not found:
        return None
    whole = max(found["characters"], 1)
    return Corpus(
        documents=found["documents"],
        lines=found["lines"],
        characters=found["characters"],
        languages=[(each["code"], each["characters"], each["characters"] / whole) for each in found["languages"]],
        taken_out=found["taken_out"],
    )


def _bars(labels: Sequence[Mapping[str, Any]], all_of_them: Sequence[str]) -> list[LabelBar]:
    most = max((each["total"] for each in labels), default=0) or 1
    return [
        LabelBar(
            label=each["label"],
            total=each["total"],
            share=each["total"] / most,
            colour=colour_of(each["label"], all_of_them),
            per_split=[each.get(name, 0) for name in SPLITS],
            mean_length=each.get("mean_length"),
            max_length=each.get("max_length"),
        )
        for each in labels
    ]


def _word(asked: str) -> str:
    """What a question asks with; only what stands for all the rest is a word of ours."""
    return _("Other") if asked == "other" else asked


def _lengths(task: str, found: Mapping[str, Any]) -> list[Lengths]:
    text = _("Context") if task == "qa" else _("Text read") if CATALOGUE[task].writes else _("Text")
    parts = (
        ("characters", text, _("characters")),
        ("words", text, _("words")),
        ("tokens", text, _("tokens")),
        ("lines", _("Document"), _("lines")),
        ("entity_lengths", _("Entity"), _("characters")),
        ("questions", _("Question"), _("characters")),
        ("answers", _("Answer"), _("characters")),
        ("targets", _("Text to write"), _("characters")),
    )
    return [_length(title, unit, found[key]) for key, title, unit in parts if found.get(key, {}).get("percentiles")]


def _length(title: str, unit: str, values: Mapping[str, Any]) -> Lengths:
    marks = values["percentiles"]
    return Lengths(
        title=title,
        unit=unit,
        mean=values["mean"],
        median=marks["50"],
        p95=marks["95"],
        p99=marks["99"],
        longest=marks["100"],
        columns=_columns(values["histogram"]["edges"], values["histogram"]["counts"], marks["100"]),
    )


def _columns(edges: Sequence[int], counts: Sequence[int], longest: int) -> list[Column]:
    width = WIDTH / max(len(counts), 1)
    most = max(counts, default=0) or 1
    ends = [*(edge - 1 for edge in edges[1:]), longest]
    columns = []
    for index, (first, last, count) in enumerate(zip(edges, ends, counts, strict=True)):
        height = max(HEIGHT * count / most, 1) if count else 0
        columns.append(
            Column(
                x=round(index * width + 0.5, 2),
                y=round(HEIGHT - height, 2),
                width=round(max(width - 1, 1), 2),
                height=round(height, 2),
                first=first,
                last=last,
                count=count,
            )
        )
    return columns
