"""A fine-tune in memory for any task: rows that a tiny model learns by heart, and a training set up on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from nlpstudio.engine import encoders, seeding
from nlpstudio.engine.data.rows import ClassificationRow, Row
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.training import loop, optim
from nlpstudio.engine.training.checkpoint import Checkpoints
from nlpstudio.engine.training.evaluate import Split
from nlpstudio.engine.training.meter import Meter, SaveClock
from tests.tiny import sentiment_lines

CPU = Hardware(device=torch.device("cpu"), precision="fp32", threads=1)


def classification_rows(count: int = 16) -> list[Row]:
    return [
        ClassificationRow(row_id=index, line=index + 1, text=text, labels=(label,))
        for index, (text, label) in enumerate(sentiment_lines(count))
    ]


ROWS: Mapping[str, Callable[[int], list[Row]]] = {"classification": classification_rows}
LABELS: Mapping[str, tuple[str, ...]] = {"classification": ("negative", "positive")}


def training(
    task_name: str,
    base_model: Path,
    work: Path,
    *,
    rows: Sequence[Row] | None = None,
    labels: Sequence[str] | None = None,
    stop: Callable[[], bool] = lambda: False,
    validated: bool = True,
    save_each_step: bool = False,
    **params: Any,
) -> loop.Training:
    """A training of `task_name` on its rows, which are its validation split too."""
    task = TASKS[task_name]
    rows = ROWS[task_name](16) if rows is None else rows
    chosen = TrainParams(**{"epochs": 2, "batch_size": 4, "learning_rate": 1e-3, "max_length": 64, **params})
    tokenizer = building.load_tokenizer(base_model)
    setup = Setup(labels=task.outputs(labels or LABELS[task_name]), max_length=chosen.max_length, params=chosen)
    examples = task.encode(rows, tokenizer, setup).examples
    seeding.seed_everything(chosen.seed)
    model = building.build(task, base_model, setup)
    depth_of = optim.depths(model, model.base_model_prefix)
    optim.freeze(model, depth_of, chosen)
    return loop.Training(
        task=task,
        model=model,
        encoder=encoders.choose(model, seed=chosen.seed),
        optimizer=optim.adamw(model, depth_of, chosen),
        setup=setup,
        hardware=CPU,
        train=examples,
        validation=Split(name="validation", rows=rows, examples=examples) if validated else None,
        checkpoints=Checkpoints(work, job="a job"),
        stop=stop,
        meter=Meter(interval=0.0),
        clock=SaveClock(after=0.0, share=math.inf) if save_each_step else SaveClock(after=math.inf),
    )
