"""Real data for every task: `python -m bench.tasks` trains whole runs of the product and of transformers' recipes.

Both get the same rows, base model, epochs, batch, length and learning rate, and are judged on the same held-out rows.
Every run that is done is kept at once; what is kept already is not done again, so a broken-off session goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.training import task_table
from bench.training.contenders import CONTENDERS
from bench.training.rounds import run_module
from bench.training.task_sets import SETS, TaskSet, Whole


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    report.RESULTS.mkdir(exist_ok=True)
    for name in args.sets:
        wanted = replace(SETS[name], **json.loads(args.change))
        kept = _kept(wanted, args.name)
        for seed in args.seeds:
            for contender in args.contenders[:: 1 if seed % 2 == 0 else -1]:
                if (contender, seed) not in {(each.contender, each.seed) for each in kept}:
                    kept.append(_run(wanted, contender, seed, args.data))
                    _keep(wanted, kept, args.name)
                    _say(f"{name}, seed {seed}, {contender}: {kept[-1].scores}, {kept[-1].cpu_seconds:.0f} CPU-seconds")
        if task_table.is_whole(kept):
            print(task_table.markdown([(wanted, kept)]), flush=True)
    report.write()
    return 0


def _run(wanted: TaskSet, contender: str, seed: int, folder: Path) -> Whole:
    order = {"set": wanted.to_json(), "contender": contender, "seed": seed, "folder": str(folder.resolve())}
    environment = CONTENDERS[contender].environment(1)
    out = run_module("bench.training.task_child", environment=environment, given=json.dumps(order))
    return Whole.from_json(json.loads(out.splitlines()[-1]))


def _place(wanted: TaskSet, name: str) -> Path:
    return report.RESULTS / f"tasks-{wanted.name}{name}.json"


def _kept(wanted: TaskSet, name: str) -> list[Whole]:
    """What was measured before with the same settings."""
    place = _place(wanted, name)
    values: dict[str, Any] = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}
    if values.get("set") != wanted.to_json():
        return []
    return [Whole.from_json(each) for each in values["runs"]]


def _keep(wanted: TaskSet, wholes: Sequence[Whole], name: str) -> None:
    values = {
        "machine": machine.describe(),
        "set": wanted.to_json(),
        "runs": [whole.to_json() for whole in sorted(wholes, key=lambda each: (each.seed, each.contender))],
    }
    _place(wanted, name).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tasks", description=__doc__)
    data = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of the data sets")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--contenders", nargs="+", default=["trainer", "ours"], choices=["trainer", "ours"])
    parser.add_argument("--change", default="{}", help='settings of the sets to change, as {"rows": 100}')
    parser.add_argument("--name", default="", help="added to the names of the result files")
    return parser.parse_args(arguments)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
