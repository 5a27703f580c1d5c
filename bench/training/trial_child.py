"""The child process of one trial: `python -m bench.training.trial_child < trial.json` prints its course as JSON."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections import deque
from pathlib import Path

import torch
from transformers import PreTrainedModel
from transformers.utils import logging

from bench.training import data, models, ours, peers
from bench.training.clock import Clock
from bench.training.features import encode
from bench.training.setting import LEARNING_RATE
from bench.training.trial import TRAINER, Course, Point, Trial
from nlpstudio.engine import encoders, hardware
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.training import evaluate, loop


class Follower:
    """Takes the validation accuracy every few optimizer steps and at the last one, with the same judge for all."""

    def __init__(self, trial: Trial, rows: data.Rows, folder: Path, steps: int) -> None:
        self.trial, self.steps = trial, steps
        self.clock = Clock(after_step=self._look)
        self.points: list[Point] = []
        self.model: PreTrainedModel | None = None
        self._task = TASKS[rows.task]
        self._setup = Setup(labels=self._task.outputs(rows.labels), max_length=trial.max_length)
        examples = self._task.encode(rows.validation, building.load_tokenizer(folder), self._setup).examples
        self._split = evaluate.Split(name="validation", rows=rows.validation, examples=examples)
        self._machine = hardware.Hardware(device=torch.device("cpu"), precision="fp32", threads=1)

    def _look(self, step: int) -> None:
        if step % self.trial.every and step != self.steps:
            return
        assert self.model is not None
        judge = encoders.choose(self.model)
        report = evaluate.score(self._task, judge, self.model, self._split, self._setup, self._machine)
        stamp = self.clock.stamps[-1]
        self.points.append(Point(step=step, cpu=stamp.cpu, wall=stamp.wall, accuracy=report["metrics"]["accuracy"]))


def follow(trial: Trial) -> Course:
    """Run the trial to its end."""
    torch.set_num_threads(1)
    rows = data.load(trial.data, Path(trial.folder), train=trial.rows, validation=trial.validation)
    folder = models.folder_of(trial.model)
    run = _trainer if trial.recipe == TRAINER else _ours
    follower, precision = run(trial, rows, folder)
    return Course(trial=trial, precision=precision, points=tuple(follower.points))


def _trainer(trial: Trial, rows: data.Rows, folder: Path) -> tuple[Follower, str]:
    tokenizer = building.load_tokenizer(folder)
    features = encode(rows, tokenizer, trial.max_length)
    follower = Follower(trial, rows, folder, math.ceil(len(features) / trial.batch_size) * trial.epochs)
    follower.model = peers.build(rows.task, folder, rows.labels, trial.seed)
    with follower.clock.on(follower.model, follower.model.config.pad_token_id):
        peers.train_with_trainer(
            rows.task,
            follower.model,
            tokenizer,
            features,
            batch_size=trial.batch_size,
            seed=trial.seed,
            bf16=trial.precision == "bf16",
            num_train_epochs=trial.epochs,
        )
    return follower, trial.precision or "fp32"


def _ours(trial: Trial, rows: data.Rows, folder: Path) -> tuple[Follower, str]:
    recipe = {"epochs": trial.epochs, "learning_rate": LEARNING_RATE, "batch_size": trial.batch_size, **trial.params}
    params = TrainParams(max_length=trial.max_length, seed=trial.seed, threads=1, **recipe)
    machine = hardware.choose(1, precision=trial.precision or None)
    setup, examples = ours.encode(rows, folder, params)
    with tempfile.TemporaryDirectory() as work:
        training = ours.prepare(rows.task, folder, setup, examples, machine, Path(work))
        follower = Follower(trial, rows, folder, training.total_steps)
        follower.model = training.model
        with follower.clock.on(training.model, training.model.config.pad_token_id):
            deque(loop.train(training), maxlen=0)
    return follower, machine.precision


def main() -> int:
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers' is untyped
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
    print(json.dumps(follow(Trial.from_json(json.load(sys.stdin))).to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
