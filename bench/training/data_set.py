"""The benchmarks' rows as a data set of the product."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.training.data import Rows
from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.store import DatasetInfo
from nlpstudio.engine.data.writer import DatasetWriter


def write(rows: Rows, target: Path) -> None:
    """Write the folder; the held-out rows are its test split."""
    both = [*rows.train, *rows.validation]
    codes = np.repeat([SPLITS.index("train"), SPLITS.index("test")], [len(rows.train), len(rows.validation)])
    with DatasetWriter(target, rows.task) as writer:
        for row in both:
            writer.add(row)
        info = DatasetInfo(
            task=rows.task,
            rows=len(both),
            labels=rows.labels,
            multilabel=False,
            splits={"train": len(rows.train), "validation": 0, "test": len(rows.validation)},
            fingerprint=writer.fingerprint(codes.astype(np.int8)),
            statistics={},
            warnings=[],
            problem_count=0,
        )
        writer.publish(info, codes.astype(np.int8))
