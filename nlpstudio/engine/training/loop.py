"""The training loop: one generator of events for all tasks, readable from top to bottom.

The caller shows, stores and stops: closing the generator ends training at once, `stop` ends it with the best kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.encoders.example import Encoder, Example
from nlpstudio.engine.errors import NotANumber
from nlpstudio.engine.events import Evaluated, Event, Saved
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.tasks.base import AnyTask, Renewing, Setup
from nlpstudio.engine.training import batches, evaluate, optim
from nlpstudio.engine.training.checkpoint import Checkpoints, Progress
from nlpstudio.engine.training.group import ALONE, Group
from nlpstudio.engine.training.meter import Meter, SaveClock


@dataclass(kw_only=True)
class Training:
    """Everything one fine-tune holds. Without `validation` the training loss of an epoch chooses the best.

    `group` is what processes work on it; all but the first only train.
    """

    task: AnyTask
    model: PreTrainedModel
    encoder: Encoder
    optimizer: torch.optim.Optimizer
    setup: Setup
    hardware: Hardware
    train: Sequence[Example]
    validation: evaluate.Split | None
    checkpoints: Checkpoints
    progress: Progress = field(default_factory=Progress)
    stop: Callable[[], bool] = lambda: False
    samples: Callable[[PreTrainedModel], list[dict[str, Any]]] = lambda _model: []
    meter: Meter = field(default_factory=Meter)
    clock: SaveClock = field(default_factory=SaveClock)
    group: Group = ALONE

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        return np.array([len(example) for example in self.train], dtype=np.int64)

    @cached_property
    def epoch_steps(self) -> int:
        return batches.steps_per_epoch(len(self.train), self.setup.params.batch_size)

    @property
    def tokens_at_once(self) -> int:
        """The budget of a micro-batch, in computed tokens."""
        return self.progress.tokens_at_once or batches.tokens_at_once(self.hardware)

    @property
    def total_steps(self) -> int:
        return self.epoch_steps * self.setup.params.epochs


def train(run: Training) -> Generator[Event, None, None]:
    """Train from where `run.progress` stands. Afterwards `run.progress.best_step` names the best checkpoint.

    Yields a step event at most each quarter second, and what is evaluated and saved. Raises `NotANumber` and
    `DiskFull`.
    """
    params = run.setup.params
    run.model.train()
    while run.progress.epoch < params.epochs and not _is_patience_over(run):
        for batch in _epoch(run)[run.progress.batch :]:
            rate = optim.learning_rate(run.progress.step, run.total_steps, params)
            loss, norm = _step(run, batch, rate)
            done = run.progress
            run.progress = replace(
                done,
                step=done.step + 1,
                batch=done.batch + 1,
                loss_sum=done.loss_sum + loss,
                loss_count=done.loss_count + 1,
            )
            run.meter.add(loss=loss, tokens=int(run.lengths[batch].sum()))
            if run.progress.step == run.total_steps:
                run.meter.wait()
            if run.meter.due():
                yield _step_event(run, rate, norm)
            stop, save = run.group.any(run.stop(), run.clock.due() and run.group.is_first)
            if stop:
                yield from _settle(run)
                return
            inside = run.progress.batch < run.epoch_steps
            if inside and params.eval_steps and run.progress.step % params.eval_steps == 0:
                yield from _judge(run)
                yield _save(run)
            elif inside and save:
                yield _save(run)
        yield from _judge(run)
        run.progress = replace(run.progress, epoch=run.progress.epoch + 1, batch=0, loss_sum=0.0, loss_count=0)
        yield _save(run)
        if run.group.any(run.stop())[0]:
            return


def _epoch(run: Training) -> list[NDArray[np.int64]]:
    return batches.epoch(
        len(run.train),
        batch_size=run.setup.params.batch_size,
        seed=run.setup.params.seed,
        number=run.progress.epoch,
    )


def _step(run: Training, batch: NDArray[np.int64], rate: float) -> tuple[float, float]:
    """One optimizer step on one effective batch, in as many pieces as the memory wants. Returns loss and norm."""
    chosen = dict(zip(batch.tolist(), _examples(run, batch), strict=True))
    total = run.task.weight(list(chosen.values()), run.setup)
    run.group.reseed(run.encoder, run.setup.params.seed, run.progress.step)
    pieces = batches.micro_batches(
        run.group.share(batch, run.lengths),
        run.lengths,
        most_tokens=run.tokens_at_once,
        most_rows=run.setup.params.micro_batch,
        padded=run.encoder.path == "padded",
    )
    loss = 0.0
    for piece in pieces:
        examples = [chosen[i] for i in piece]
        with run.hardware.autocast():
            part = run.task.loss(run.encoder.logits(examples).float(), examples, run.setup) / total
        part.backward()
        loss += part.item()
    loss = run.group.add_up(run.model, loss)
    norm = optim.clip(run.model, run.setup.params.max_grad_norm)
    if not math.isfinite(loss) or not math.isfinite(norm):
        raise NotANumber(
            f"The loss became {loss} at step {run.progress.step + 1}",
            hint="Lower the learning rate (a tenth is a good try) or lengthen the warm-up.",
        )
    optim.set_learning_rate(run.optimizer, rate)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    return loss, norm


def _examples(run: Training, batch: NDArray[np.int64]) -> list[Example]:
    """The examples of a step, made anew for this epoch where the task does so."""
    examples = [run.train[i] for i in batch]
    return run.task.renew(examples, run.setup, run.progress.epoch) if isinstance(run.task, Renewing) else examples


def _step_event(run: Training, rate: float, norm: float) -> Event:
    done = run.progress
    return run.meter.event(
        step=done.step,
        epoch=done.step / run.epoch_steps,
        lr=rate,
        grad_norm=norm,
        memory_bytes=run.hardware.memory_bytes(),
        tokens_left=(run.total_steps - done.step) * float(run.lengths.sum()) / run.epoch_steps,
    )


def _judge(run: Training) -> Generator[Event, None, None]:
    """Score the model as it is now and note whether it is the best so far. In a group the first one does it."""
    if run.group.is_first:
        yield from _judge_here(run)
    run.progress = run.group.firsts(run.progress)


def _judge_here(run: Training) -> Generator[Event, None, None]:
    done, began = run.progress, time.monotonic()
    if run.validation is None:
        value = -done.loss_sum / max(done.loss_count, 1)
    else:
        parts = (run.task, run.encoder, run.model, run.validation, run.setup, run.hardware)
        report = evaluate.score(*parts, most_tokens=run.progress.tokens_at_once)
        value = report["metrics"][CATALOGUE[run.task.name].best_by]
        run.meter.pause(time.monotonic() - began)
        epoch = round(done.step / run.epoch_steps, 4)
        shown = run.samples(run.model)
        metrics = report["metrics"]
        yield Evaluated(step=done.step, epoch=epoch, split=run.validation.name, metrics=metrics, samples=shown)
    better = done.best_value is None or value > done.best_value
    if better:
        run.progress = replace(done, best_step=done.step, best_value=value, waited=0)
    else:
        run.progress = replace(done, waited=done.waited + 1)


def _settle(run: Training) -> Generator[Event, None, None]:
    """Stopped on request: keep the best so far, which is the model as it is now when nothing was judged before."""
    if run.progress.best_value is None:
        yield from _judge(run)
        yield _save(run)


def _save(run: Training) -> Event:
    began = time.monotonic()
    if run.group.is_first:
        run.checkpoints.save(
            run.progress,
            model=run.model,
            optimizer=run.optimizer,
            encoder=run.encoder,
            environment=run.hardware.environment(),
        )
    run.clock.saved(time.monotonic() - began)
    run.meter.pause(time.monotonic() - began)
    return Saved(step=run.progress.step, best=run.progress.best_step == run.progress.step)


def _is_patience_over(run: Training) -> bool:
    patience = run.setup.params.early_stopping
    return run.validation is not None and patience > 0 and run.progress.waited >= patience
