"""The child process of one whole fine-tune: `python -m bench.training.task_child < order.json` prints its scores."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch
from transformers.utils import logging

from bench.training import data, data_set, models, recipe
from bench.training.data import Rows
from bench.training.task_sets import TaskSet, Whole
from nlpstudio.engine import hardware
from nlpstudio.engine.job import Job
from nlpstudio.engine.metrics import answers, spans
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import session


def measure(wanted: TaskSet, contender: str, seed: int, folder: Path) -> Whole:
    """Train, predict the held-out rows, and judge them: the same judge for both."""
    torch.set_num_threads(1)
    rows = data.load(wanted.data, folder, train=wanted.rows, validation=wanted.held_out)
    probed = hardware.choose(1).precision
    precision = probed if contender == "ours" else wanted.precision or probed
    began = time.process_time()
    predicted = (_product if contender == "ours" else recipe.predict)(replace(wanted, precision=precision), rows, seed)
    spent = time.process_time() - began
    return Whole(
        contender=contender,
        seed=seed,
        precision=precision,
        cpu_seconds=round(spent, 1),
        scores=judge(rows, predicted),
    )


def _product(wanted: TaskSet, rows: Rows, seed: int) -> list[Any]:
    """A run as the product does it, with its defaults but for what both share; the held-out rows are its test split."""
    params = TrainParams(
        epochs=wanted.epochs,
        learning_rate=wanted.learning_rate,
        batch_size=wanted.batch_size,
        max_length=wanted.max_length,
        seed=seed,
        threads=1,
    )
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        data_set.write(rows, home / "data")
        job = Job(
            spec=TrainSpec(task=rows.task, base_model=wanted.model, params=params),
            dataset=home / "data",
            base_model=models.folder_of(wanted.model),
            work=home / "work",
            out=home / "out",
        )
        deque(session.run(job), maxlen=0)
        records = pq.read_table(home / "out" / "predictions" / "test.parquet").to_pylist()
    if rows.task == "ner":
        return [record["predicted"] for record in records]
    return [(record["predicted"] or [""])[0] for record in records]


def judge(rows: Rows, predicted: list[Any]) -> dict[str, float]:
    """Accuracy, seqeval's entity F1, or exact match and F1 of SQuAD 1.1 or, for Chinese texts, CMRC 2018."""
    held_out: Any = rows.validation
    if rows.task == "classification":
        right = [row.labels[0] == label for row, label in zip(held_out, predicted, strict=True)]
        return {"accuracy": sum(right) / len(right)}
    if rows.task == "ner":
        metrics = spans.evaluate([row.tags for row in held_out], predicted)["metrics"]
        return {key: metrics[key] for key in ("precision", "recall", "f1")}
    gold = [[text for text, _ in row.answers] for row in held_out]
    chinese = answers.variant_for([row.context for row in held_out]) == answers.CMRC
    metrics = answers.evaluate(gold, predicted, variant=answers.CMRC if chinese else answers.SQUAD1)["metrics"]
    return {key: metrics[key] for key in ("exact_match", "f1")}


def main() -> int:
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers' is untyped
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
    given = json.load(sys.stdin)
    whole = measure(TaskSet.from_json(given["set"]), given["contender"], given["seed"], Path(given["folder"]))
    print(json.dumps(whole.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
