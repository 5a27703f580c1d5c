"""Where a training step of ours spends its time: `python -m bench.profile_step --data ../shared/data`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch.profiler import ProfilerActivity, profile
from transformers.utils import logging

from bench.training import data, models, ours
from bench.training.setting import LEARNING_RATE
from nlpstudio.engine import hardware
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.training import loop

READY = "STUDIO_BENCH_READY"


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    if READY not in os.environ:  # threads and allocator are read when a process starts
        os.environ.update(child_environment(1), **{READY: "1"})
        os.execv(sys.executable, [sys.executable, "-m", "bench.profile_step", *arguments])
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers' is untyped
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # likewise
    machine = hardware.choose(1, precision=args.precision)
    count = args.batch_size * (args.steps + 1)
    rows = data.load(args.set, args.data, train=count, validation=0)
    params = TrainParams(
        epochs=1, batch_size=args.batch_size, max_length=args.max_length, learning_rate=LEARNING_RATE, threads=1
    )
    folder = models.folder_of(args.model)
    setup, examples = ours.encode(rows, folder, params)
    for part in (examples[: args.batch_size], examples[args.batch_size :]):  # the first one warms up
        with tempfile.TemporaryDirectory() as work:
            training = ours.prepare(rows.task, folder, setup, part, machine, Path(work))
            training.checkpoints.save = lambda *_, **__: None  # type: ignore[method-assign]  # only the steps are looked at
            with profile(activities=[ProfilerActivity.CPU], record_shapes=args.shapes) as found:
                for _ in loop.train(training):
                    pass
    print(f"{training.encoder.path}, {machine.precision}, {args.steps} steps of {args.batch_size}")
    print(found.key_averages(group_by_input_shape=args.shapes).table(sort_by="self_cpu_time_total", row_limit=args.top))
    return 0


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.profile_step", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the data sets")
    parser.add_argument("--set", default="chnsenticorp", choices=sorted(data.SOURCES))
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="default: what the product's probe chooses")
    parser.add_argument("--shapes", action="store_true", help="keep operators of different shapes apart")
    parser.add_argument("--top", type=int, default=25)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
