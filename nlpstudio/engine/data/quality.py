"""Warnings about data that will train badly or measure wrongly, each with a stable code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nlpstudio.engine.data.facts import Facts, column
from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.statistics import label_table

TINY = 20
IMBALANCE = 10
NEAR_EMPTY = 2
VERY_LONG = 5_000
NAMED = 5
SMALL_CORPUS = 200_000


def warnings_of(task: str, facts: Facts, codes: NDArray[np.int8]) -> list[dict[str, str]]:
    """{"code", "message"} for everything that deserves a look before training."""
    if task == "pretraining":
        found = [*_corpus(facts), *_splits(facts, codes, needed=("train", "validation"))]
    else:
        found = [*_labels(task, facts, codes), *_duplicates(facts, codes), *_texts(facts), *_splits(facts, codes)]
    return [{"code": code, "message": message} for code, message in found]


def _labels(task: str, facts: Facts, codes: NDArray[np.int8]) -> Iterator[tuple[str, str]]:
    names = list(facts.names)
    if not names:
        return
    table = label_table(facts, codes)
    totals = table.sum(axis=1)
    single = [names[index] for index in np.flatnonzero(totals < 2)]
    tiny = [names[index] for index in np.flatnonzero((totals >= 2) & (totals < TINY))]
    if single:
        yield "label.single", f"{_named(single)}: only one row"
    if tiny:
        yield "label.tiny", f"{_named(tiny)}: fewer than {TINY} rows"
    if task == "classification" and len(names) > 1 and totals.max() >= IMBALANCE * totals.min():
        most, least = names[int(totals.argmax())], names[int(totals.argmin())]
        yield (
            "label.imbalance",
            f"“{most}” has {totals.max():,} rows and “{least}” {totals.min():,}; watch macro F1 rather than accuracy",
        )
    present = np.bincount(codes, minlength=len(SPLITS)) > 0
    for index in np.flatnonzero(present) if present.sum() > 1 else ():
        alone = [names[label] for label in np.flatnonzero((table[:, index] > 0) & (table[:, index] == totals))]
        alone = [name for name in alone if totals[facts.names[name]] > 1 or SPLITS[index] != "train"]
        if alone:
            yield "label.one_split", f"{_named(alone)}: only in {SPLITS[index]}"


def _duplicates(facts: Facts, codes: NDArray[np.int8]) -> Iterator[tuple[str, str]]:
    inputs = column(facts.inputs)
    if not len(inputs):
        return
    order = np.argsort(inputs, kind="stable").astype(np.int32)
    same = np.diff(inputs[order]) == 0
    if not same.any():
        return
    repeated = int(same.sum())
    yield (
        "rows.duplicate",
        f"{repeated:,} rows repeat the text of another row"
        if repeated > 1
        else "1 row repeats the text of another row",
    )
    starts = np.flatnonzero(np.concatenate(([True], ~same)))
    targets, splits = column(facts.targets)[order], codes[order]
    sizes = np.diff(np.append(starts, len(order)))
    contradicting = np.minimum.reduceat(targets, starts) != np.maximum.reduceat(targets, starts)
    if contradicting.any():
        first = int(order[starts[contradicting]].min())
        texts = int(contradicting.sum())
        yield (
            "labels.contradict",
            f"{texts:,} texts appear with different labels (one is row {first})"
            if texts > 1
            else f"1 text appears with different labels (in row {first} and others)",
        )
    across = np.minimum.reduceat(splits, starts) != np.maximum.reduceat(splits, starts)
    if across.any():
        count = int(sizes[across].sum())
        yield (
            "splits.leak",
            f"{int(across.sum()):,} texts ({count:,} rows) are in more than one split: scores will flatter",
        )


def _texts(facts: Facts) -> Iterator[tuple[str, str]]:
    chars = column(facts.chars)
    short, long = int((chars < NEAR_EMPTY).sum()), int((chars > VERY_LONG).sum())
    if short:
        yield "text.near_empty", f"{short:,} rows have a text of one character"
    if long:
        yield "text.very_long", f"{long:,} rows are longer than {VERY_LONG:,} characters and will be cut or windowed"


def _corpus(facts: Facts) -> Iterator[tuple[str, str]]:
    characters = int(column(facts.chars).astype(np.int64).sum())
    if characters < SMALL_CORPUS:
        yield (
            "corpus.small",
            f"the corpus has {characters:,} characters: a language model wants millions, and learns this one by heart",
        )


def _splits(facts: Facts, codes: NDArray[np.int8], needed: tuple[str, ...] = SPLITS) -> Iterator[tuple[str, str]]:
    given = column(facts.given)
    asked = int((given >= 0).sum())
    if 0 < asked < len(given):
        yield "split.empty", f"{len(given) - asked:,} rows name no split; they are in train"
    counts = np.bincount(codes, minlength=len(SPLITS))
    missing = [name for name, count in zip(SPLITS, counts, strict=True) if not count and name in needed]
    if missing:
        yield "split.missing", f"there are no rows in {' and '.join(missing)}"


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(f"“{name}”" for name in names[:NAMED]) + more
