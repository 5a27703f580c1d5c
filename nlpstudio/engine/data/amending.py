"""A data set made from another one by corrected rows: all else stays word for word, and in its split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nlpstudio.engine.data.facts import column
from nlpstudio.engine.data.importing import FACTS, ImportReport, Progress
from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.quality import warnings_of
from nlpstudio.engine.data.rows import ClassificationRow, QARow, Row, TaggedRow
from nlpstudio.engine.data.splits import count_splits
from nlpstudio.engine.data.statistics import describe
from nlpstudio.engine.data.store import DatasetFolder, DatasetInfo
from nlpstudio.engine.data.writer import DatasetWriter
from nlpstudio.engine.errors import UnusableData

ROWS_BETWEEN = 2_000
NEW_ROWS = "train"
"""The split of rows that the data set did not have: held-out figures stay comparable."""


def amend(
    base: Path, target: Path, corrected: Iterable[Row], *, name: str, progress: Progress | None = None
) -> ImportReport:
    """Write the data set folder `target`: the rows of `base` with `corrected` ones in their places.

    A row whose input is that of a corrected one takes its answer and keeps its split; corrected rows with inputs that
    `base` does not have are added to train. Of several with one input the last counts. Raises `UnreadableFile`,
    `UnusableData` for rows of another task, `FileExistsError` when the target is there, which is else not made.
    """
    before = DatasetFolder.open(base)
    task = before.info.task
    fresh: dict[Any, Row] = {}
    for row in corrected:
        if row.task != task:
            raise UnusableData(f"a correction is for {row.task}, the data set for {task}")
        fresh[_input(row)] = row
    used: set[Any] = set()
    facts = FACTS[task]()
    with DatasetWriter(target, task) as writer:

        def put(row: Row, split: str) -> None:
            writer.add(row)
            facts.add(row, split)
            if progress and writer.rows % ROWS_BETWEEN == 0:
                progress(writer.rows, min(0.99, writer.rows / (before.info.rows + len(fresh))))

        for number, row in enumerate(before.rows()):
            key = _input(row)
            if key in fresh:
                used.add(key)
                row = replace(fresh[key], line=row.line)
            put(row, SPLITS[before.split_codes[number]])
        for key, row in fresh.items():
            if key not in used:
                put(row, NEW_ROWS)
        writer.close_rows()
        codes = column(facts.given).astype(np.int8)  # each row named its split
        info = DatasetInfo(
            task=task,
            rows=writer.rows,
            labels=facts.label_set(),
            multilabel=before.info.multilabel,
            splits=count_splits(codes),
            fingerprint=writer.fingerprint(codes),
            statistics=describe(task, facts, codes),
            warnings=warnings_of(task, facts, codes),
            problem_count=0,
            options=before.info.options,
            source_name=name,
        )
        writer.publish(info, codes)
    if progress:
        progress(writer.rows, 1.0)
    return ImportReport(info=info, problems=())


def _input(row: Row) -> Any:
    """What a model would be given of the row."""
    if isinstance(row, ClassificationRow):
        return row.text, row.text_pair
    if isinstance(row, TaggedRow):
        return row.text
    if isinstance(row, QARow):
        return row.context, row.question
    raise TypeError(f"no input form for {type(row).__name__}")
