"""Time to quality, and equal quality: `python -m bench.quality` trains whole runs of ours and of Trainer.

Validation accuracy is taken every few steps, outside the stopwatch. The target is what Trainer's recipe ends with on
average over the seeds; a recipe's time to quality is the CPU-seconds of training until its accuracy first reaches it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.training import quality_table
from bench.training.contenders import CONTENDERS
from bench.training.rounds import ROOT, run_module
from bench.training.setting import LEARNING_RATE
from bench.training.trial import TRAINER, Course, Trial
from nlpstudio.engine import recipes

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "same": {"warmup_ratio": 0.0, "weight_decay": 0.0, "head_learning_rate": 0.0},
    **{name: recipes.params(name, rate=LEARNING_RATE) for name in recipes.RECIPES},
}


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    report.RESULTS.mkdir(exist_ok=True)
    facts = machine.describe()
    path = report.RESULTS / f"quality-{args.set}-{args.rows}{args.name}.json"
    courses: list[Course] = []
    if args.first_seed and path.exists():
        courses = [Course.from_json(each) for each in json.loads(path.read_text(encoding="utf-8"))["courses"]]
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for recipe in [TRAINER, *args.recipes][:: 1 if seed % 2 == 0 else -1]:
            courses.append(_run(_trial(args, recipe, seed)))
            last = courses[-1].last
            _say(f"seed {seed}, {recipe}: {last.accuracy:.4f} after {last.cpu:.1f} CPU-seconds")
        kept = {"machine": facts, "courses": [course.to_json() for course in courses]}
        path.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    print(quality_table.markdown(courses))
    report.write()
    return 0


def _trial(args: argparse.Namespace, recipe: str, seed: int) -> Trial:
    trial = Trial(
        data=args.set,
        folder=os.path.relpath(args.data, ROOT),
        model=args.model,
        rows=args.rows,
        validation=args.validation,
        max_length=args.max_length,
        batch_size=args.batch_size,
        epochs=args.epochs,
        every=args.every,
        seed=seed,
        recipe=recipe,
    )
    if recipe == TRAINER:
        return trial
    params = json.loads(recipe) if recipe.startswith("{") else dict(RECIPES[recipe])
    return replace(trial, params=params, precision=args.precision)


def _run(trial: Trial) -> Course:
    environment = CONTENDERS["trainer" if trial.recipe == TRAINER else "ours"].environment(1)
    out = run_module("bench.training.trial_child", environment=environment, given=json.dumps(trial.to_json()))
    return Course.from_json(json.loads(out.splitlines()[-1]))


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    data = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of the data sets")
    parser.add_argument("--set", default="sst2", choices=("sst2", "chnsenticorp"))
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--validation", type=int, default=872)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--every", type=int, default=10, help="optimizer steps between two looks at the accuracy")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0, help="above 0, add to the seeds that are kept")
    parser.add_argument("--precision", default="", choices=("", "fp32", "bf16"), help="of ours; default: its probe")
    parser.add_argument(
        "--recipes", nargs="+", default=["same", "steady", "quick"], help=f"{', '.join(RECIPES)}, or params as JSON"
    )
    parser.add_argument("--name", default="", help="added to the name of the result file")
    return parser.parse_args(arguments)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
