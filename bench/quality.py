"""Time to quality, and equal quality: `python -m bench.quality` trains whole runs of ours and of Trainer.

Validation accuracy is taken every few steps, outside the stopwatch. The target is what Trainer's recipe ends with on
average over the seeds; a recipe's time to quality is the CPU-seconds of training until its accuracy first reaches it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import machine
from bench.training.contenders import CONTENDERS
from bench.training.rounds import run_module
from bench.training.trial import TRAINER, Course, Trial

RESULTS = Path(__file__).resolve().parent / "results"

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "same": {"warmup_ratio": 0.0, "weight_decay": 0.0},
    "fast": {"epochs": 1, "learning_rate": 2e-4, "layer_decay": 0.9, "freeze_embeddings": True},
    "fast-frozen": {"epochs": 1, "learning_rate": 2e-4, "freeze_layers": 2},
}


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    RESULTS.mkdir(exist_ok=True)
    facts = machine.describe()
    courses: list[Course] = []
    for seed in range(args.seeds):
        for recipe in [TRAINER, *args.recipes][:: 1 if seed % 2 == 0 else -1]:
            courses.append(_run(_trial(args, recipe, seed)))
            last = courses[-1].last
            _say(f"seed {seed}, {recipe}: {last.accuracy:.4f} after {last.cpu:.1f} CPU-seconds")
        kept = {"machine": facts, "courses": [course.to_json() for course in courses]}
        name = f"quality-{args.set}-{args.rows}{args.name}.json"
        (RESULTS / name).write_text(json.dumps(kept) + "\n", encoding="utf-8")
    print(markdown(courses))
    print(machine.words(facts))
    return 0


def markdown(courses: Sequence[Course]) -> str:
    """One line a recipe: its final accuracy, and how long it took to Trainer's."""
    by_recipe: dict[str, list[Course]] = {}
    for course in courses:
        by_recipe.setdefault(course.trial.recipe, []).append(course)
    trial, base = courses[0].trial, by_recipe[TRAINER]
    target = statistics.mean(course.last.accuracy for course in base)
    whole = statistics.mean(course.last.cpu for course in base)
    lines = [
        f"### Time to quality: {trial.data}, {trial.model}, {trial.rows:,} rows, {len(base)} seeds",
        "",
        f"Batch {trial.batch_size}, {trial.max_length} tokens, accuracy on {trial.validation:,} validation rows every "
        f"{trial.every} steps. Target: {target:.4f}, the mean of Trainer's ends.",
        "",
        "| recipe | settings | final accuracy (mean ± s.e.) | CPU-s in all | seeds that reach the target "
        "| CPU-s to the target (mean) | share of Trainer's run |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [_line(recipe, found, target, whole) for recipe, found in by_recipe.items()]
    return "\n".join([*lines, ""])


def _line(recipe: str, found: Sequence[Course], target: float, whole: float) -> str:
    finals = [course.last.accuracy for course in found]
    error = statistics.stdev(finals) / len(finals) ** 0.5 if len(finals) > 1 else float("nan")
    reached = [point.cpu for course in found if (point := course.reaches(target))]
    mean = statistics.mean(reached) if reached else float("nan")
    settings = ", ".join(f"{key} {value}" for key, value in found[0].trial.params.items())
    values = [
        f"{recipe} ({found[0].precision})",
        settings or "defaults",
        f"{statistics.mean(finals):.4f} ± {error:.4f}",
        f"{statistics.mean(course.last.cpu for course in found):.1f}",
        f"{len(reached)} of {len(found)}",
        f"{mean:.1f}",
        f"{mean / whole:.2f}",
    ]
    return "| " + " | ".join(values) + " |"


def _trial(args: argparse.Namespace, recipe: str, seed: int) -> Trial:
    trial = Trial(
        data=args.set,
        folder=str(args.data.resolve()),
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
    parser.add_argument("--precision", default="", choices=("", "fp32", "bf16"), help="of ours; default: its probe")
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), help=f"{', '.join(RECIPES)}, or params as JSON")
    parser.add_argument("--name", default="", help="added to the name of the result file")
    return parser.parse_args(arguments)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
