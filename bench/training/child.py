"""The child process of one contender: `python -m bench.training.child < order.json` prints its reading as JSON.

Everything but the training is the same for all: rows, examples, stopwatch and judge.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.utils import logging

from bench.training import data, models, ours, peers, sampling
from bench.training.clock import WARM_UP, Clock, peak_rss_mb
from bench.training.contenders import CONTENDERS, Contender
from bench.training.features import encode
from bench.training.order import Order
from bench.training.setting import DOC_STRIDE, LEARNING_RATE, Reading, Setting
from nlpstudio.engine import hardware
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import building
from nlpstudio.engine.training import loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a contender leaves: its model, the token ids of its examples, and its memory before the first step."""

    model: PreTrainedModel
    precision: str
    path: str
    ids: list[Any]
    start_rss_mb: float


def measure(order: Order) -> Reading:
    """Train as the order says and read the stopwatch."""
    torch.set_num_threads(order.threads)
    setting, contender, clock = order.setting, CONTENDERS[order.contender], Clock()
    rows = data.load(setting.data, order.data, train=setting.pool, validation=setting.validation)
    folder = models.folder_of(setting.model)
    train = _ours if contender.kind == "ours" else _peer
    trained = train(order, contender, rows, folder, clock)
    peak, timed = peak_rss_mb(), clock.timed()
    mean_length = sum(len(ids) ** 2 for ids in trained.ids) / sum(len(ids) for ids in trained.ids)
    steps = len(clock.stamps) - WARM_UP
    return Reading(
        contender=contender.name,
        precision=trained.precision,
        path=trained.path,
        steps=steps,
        samples=steps * setting.batch_size,
        real_tokens=timed.real,
        computed_tokens=timed.computed,
        cpu_seconds=timed.cpu,
        wall_seconds=timed.wall,
        peak_rss_mb=peak,
        start_rss_mb=trained.start_rss_mb,
        needed_flops=models.flops_per_token(folder, mean_length),
        least_flops=models.flops_per_token(folder, mean_length, first_only=rows.task == "classification"),
        examples_sha256=sampling.digest(trained.ids),
        metrics=ours.judge(rows, folder, _params(setting, order.threads), trained.model) if rows.validation else {},
    )


def _ours(order: Order, contender: Contender, rows: data.Rows, folder: Path, clock: Clock) -> Trained:
    machine = hardware.choose(order.threads, precision=contender.precision)
    setup, examples = ours.encode(rows, folder, _params(order.setting, order.threads))
    chosen = [examples[i] for i in _places([len(example) for example in examples], order.setting)]
    with tempfile.TemporaryDirectory() as work:
        training = ours.prepare(rows.task, folder, setup, chosen, machine, Path(work))
        start = peak_rss_mb()
        with clock.on(training.model, training.model.config.pad_token_id):
            deque(loop.train(training), maxlen=0)
    return Trained(
        model=training.model,
        precision=machine.precision,
        path=training.encoder.path,
        ids=[example.ids for example in chosen],
        start_rss_mb=start,
    )


def _peer(order: Order, contender: Contender, rows: data.Rows, folder: Path, clock: Clock) -> Trained:
    setting = order.setting
    tokenizer = building.load_tokenizer(folder)
    features = encode(rows, tokenizer, setting.max_length)
    chosen = [features[i] for i in _places([len(feature["input_ids"]) for feature in features], setting)]
    model = peers.build(rows.task, folder, rows.labels, setting.seed)
    start = peak_rss_mb()
    with clock.on(model, model.config.pad_token_id):
        if contender.kind == "tutorial":
            peers.train_as_in_tutorials(model, tokenizer, chosen, batch_size=setting.batch_size, seed=setting.seed)
        else:
            peers.train_with_trainer(
                rows.task,
                model,
                tokenizer,
                chosen,
                batch_size=setting.batch_size,
                seed=setting.seed,
                bf16=contender.precision == "bf16",
                in_order=contender.grouped,
            )
    return Trained(
        model=model,
        precision=contender.precision or "fp32",
        path="padded",
        ids=[feature["input_ids"] for feature in chosen],
        start_rss_mb=start,
    )


def _params(setting: Setting, threads: int) -> TrainParams:
    """What the peers' recipe is, in the engine's words."""
    return TrainParams(
        epochs=1,
        learning_rate=LEARNING_RATE,
        batch_size=setting.batch_size,
        max_length=setting.max_length,
        doc_stride=DOC_STRIDE,
        warmup_ratio=0.0,
        weight_decay=0.0,
        seed=setting.seed,
        threads=threads,
    )


def _places(lengths: Sequence[int], setting: Setting) -> list[int]:
    count = setting.steps + WARM_UP
    taken = sampling.batches(lengths, batch_size=setting.batch_size, count=count, seed=setting.seed)
    return [index for batch in taken for index in batch]


def main() -> int:
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers' is untyped
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
    reading = measure(Order.from_json(json.load(sys.stdin)))
    print(json.dumps(reading.to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
