"""Ours: the engine's own loop over its own tasks and encoders, put together as a training session does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedModel

from bench.training.data import Rows
from nlpstudio.engine import encoders, hardware, seeding
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.training import evaluate, loop, optim
from nlpstudio.engine.training.checkpoint import Checkpoints


def encode(rows: Rows, folder: Path, params: TrainParams) -> tuple[Setup, list[Example]]:
    """The training rows as the engine's examples."""
    task = TASKS[rows.task]
    tokenizer = building.load_tokenizer(folder)
    setup = Setup(labels=task.outputs(rows.labels), max_length=params.max_length, params=params)
    return setup, task.encode(rows.train, tokenizer, setup).examples


def prepare(
    task_name: str, folder: Path, setup: Setup, examples: Sequence[Example], machine: hardware.Hardware, work: Path
) -> loop.Training:
    """A training without a validation split: the benchmark judges for itself."""
    task, params = TASKS[task_name], setup.params
    seeding.seed_everything(params.seed)
    model = building.build(task, folder, setup)
    depth_of = optim.depths(model, model.base_model_prefix)
    optim.freeze(model, depth_of, params)
    return loop.Training(
        task=task,
        model=model,
        encoder=encoders.choose(model, seed=params.seed),
        optimizer=optim.adamw(model, depth_of, params, fresh=building.fresh_head(model, folder)),
        setup=setup,
        hardware=machine,
        train=examples,
        validation=None,
        checkpoints=Checkpoints(work, job="bench"),
    )


def judge(rows: Rows, folder: Path, params: TrainParams, model: PreTrainedModel) -> dict[str, float]:
    """The metrics of `model` on the validation rows: its own Hugging Face forward pass, the engine's scores."""
    task = TASKS[rows.task]
    setup = Setup(labels=task.outputs(rows.labels), max_length=params.max_length, params=params)
    encoded = task.encode(rows.validation, building.load_tokenizer(folder), setup)
    split = evaluate.Split(name="validation", rows=rows.validation, examples=encoded.examples)
    fp32 = hardware.choose(1, precision="fp32")
    return evaluate.score(task, encoders.PaddedEncoder(model), model, split, setup, fp32)["metrics"]
