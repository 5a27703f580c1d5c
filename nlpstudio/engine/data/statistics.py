"""What a data set looks like, as JSON for pages and charts, from the facts of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nlpstudio.engine.data.corpus import CorpusFacts
from nlpstudio.engine.data.facts import Facts, QAFacts, TagFacts, WritingFacts, column, row_of_each_label
from nlpstudio.engine.data.options import SPLITS

PERCENTILES = (1, 5, 25, 50, 75, 90, 95, 99, 100)
BINS = 24
LABELS_SHOWN = 500


def describe(task: str, facts: Facts, codes: NDArray[np.int8]) -> dict[str, Any]:
    """The statistics of a data set.

    Always `characters` and `words` (of the text, the pair joined, or the context) as {"mean",
    "percentiles", "histogram": {"edges", "counts"}}, and `duplicates`, the rows that repeat an
    earlier one's input. `labels` is [{"label", "total", "train", "validation", "test"}], the most
    frequent first. Each task adds its own, see `_tagged` and `_answered`.
    """
    described = {
        "characters": lengths(column(facts.chars)),
        "words": lengths(column(facts.words)),
        "duplicates": duplicates(column(facts.inputs)),
        "labels": label_counts(facts, codes),
    }
    extra = _MORE.get(task)
    return {**described, **extra(facts, codes)} if extra else described


def duplicates(inputs: NDArray[np.int64]) -> int:
    """How many repeat an earlier one."""
    return int((np.diff(np.sort(inputs)) == 0).sum())


def lengths(values: NDArray[Any]) -> dict[str, Any]:
    """Mean, percentiles and a histogram up to the 99th percentile; the last bin takes the rest."""
    if not len(values):
        return {"mean": 0.0, "percentiles": {}, "histogram": {"edges": [], "counts": []}}
    places = [(len(values) - 1) * percentile // 100 for percentile in PERCENTILES]
    marks = np.partition(values, places)[places]  # numpy.percentile copies everything as float64
    step = max(1, int(np.ceil((marks[-2] + 1) / BINS)))
    bins = np.minimum(values // step, BINS - 1).astype(np.int8)
    used = int(bins.max()) + 1
    return {
        "mean": round(float(values.mean()), 2),
        "percentiles": {str(p): int(mark) for p, mark in zip(PERCENTILES, marks, strict=True)},
        "histogram": {
            "edges": [index * step for index in range(used)],
            "counts": np.bincount(bins, minlength=used).tolist(),
        },
    }


def label_table(facts: Facts, codes: NDArray[np.int8]) -> NDArray[np.int64]:
    """Rows with each label (first axis, by code) in each split (second axis)."""
    table = np.zeros((len(facts.names), len(SPLITS)), dtype=np.int64)
    labels = column(facts.labels)
    if len(labels):
        cells = labels * len(SPLITS) + codes[row_of_each_label(facts)]
        table = np.bincount(cells, minlength=table.size).reshape(table.shape)
    return table


def label_counts(facts: Facts, codes: NDArray[np.int8]) -> list[dict[str, Any]]:
    """The labels with their rows in all and in each split, most frequent first."""
    return _counted(facts.names, label_table(facts, codes))


def _counted(names: Mapping[str, int], table: NDArray[np.int64]) -> list[dict[str, Any]]:
    counted = [
        {"label": name, "total": int(table[code].sum()), **dict(zip(SPLITS, table[code].tolist(), strict=True))}
        for name, code in names.items()
    ]
    return sorted(counted, key=lambda entry: (-cast(int, entry["total"]), entry["label"]))[:LABELS_SHOWN]


def _tagged(facts: Facts, codes: NDArray[np.int8]) -> dict[str, Any]:
    """`tokens` (lengths), `entities` as `labels` but counting mentions, with `mean_length` and `max_length`
    in characters, `entity_lengths`, `without_entity` (rows)."""
    facts = cast(TagFacts, facts)
    kinds, sizes, rows = column(facts.entity_types), column(facts.entity_lengths), column(facts.entity_rows)
    table = np.zeros((len(facts.names), len(SPLITS)), dtype=np.int64)
    if len(kinds):
        np.add.at(table, (kinds, codes[rows]), 1)
    entities = _counted(facts.names, table)
    for entity in entities:
        own = sizes[kinds == facts.names[entity["label"]]]
        entity["mean_length"] = round(float(own.mean()), 2) if len(own) else 0.0
        entity["max_length"] = int(own.max()) if len(own) else 0
    return {
        "tokens": lengths(column(facts.tokens)),
        "entities": entities,
        "entity_lengths": lengths(sizes),
        "without_entity": int((column(facts.label_counts) == 0).sum()),
    }


def _answered(facts: Facts, codes: NDArray[np.int8]) -> dict[str, Any]:
    """`unanswerable` {"rows", "share"}, `contexts` (different ones), `questions` and `answers` (lengths in
    characters), `question_words` [{"word", "count"}]."""
    facts = cast(QAFacts, facts)
    answers = column(facts.answer_chars)
    unanswerable = int((answers < 0).sum())
    return {
        "unanswerable": {"rows": unanswerable, "share": round(unanswerable / max(len(answers), 1), 4)},
        "contexts": len(np.unique(column(facts.groups))),
        "questions": lengths(column(facts.question_chars)),
        "answers": lengths(answers[answers >= 0]),
        "question_words": [{"word": word, "count": count} for word, count in facts.question_words.most_common(20)],
    }


def _read(facts: Facts, codes: NDArray[np.int8]) -> dict[str, Any]:
    """`corpus` as `CorpusFacts.described` has it, and `lines` (how many a document has)."""
    facts = cast(CorpusFacts, facts)
    return {"corpus": facts.described(), "lines": lengths(column(facts.lines))}


def _written(facts: Facts, codes: NDArray[np.int8]) -> dict[str, Any]:
    """`targets` (lengths in characters of what is to be written)."""
    return {"targets": lengths(column(cast(WritingFacts, facts).target_chars))}


_MORE: Mapping[str, Callable[[Facts, NDArray[np.int8]], dict[str, Any]]] = {
    "ner": _tagged,
    "qa": _answered,
    "pretraining": _read,
    "translation": _written,
    "summarization": _written,
    "generation": _written,
}
