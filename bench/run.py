"""`python -m bench`: run the comparisons, keep the raw readings, write `bench/results.md` from all that is kept."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import machine
from bench.training import rounds, table
from bench.training.data import SOURCES
from bench.training.setting import Reading, Setting
from bench.training.suite import ALL, SUITE, quick

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
REPORT = HERE / "results.md"
METRICS = {"classification": "accuracy", "ner": "f1", "qa": "f1"}


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    RESULTS.mkdir(exist_ok=True)
    for name in args.cells:
        setting = quick(SUITE[name]) if args.quick else SUITE[name]
        setting = replace(setting, steps=args.steps or setting.steps)
        _say(f"{name}: {setting}")
        facts = machine.describe()
        cell = rounds.run(setting, args.contenders, rounds=args.rounds, data=args.data, say=_say)
        _keep(name, cell, facts, quick=args.quick)
        print(table.markdown(cell, METRICS[SOURCES[setting.data].task]), flush=True)
    report()
    return 0


def report() -> None:
    """Write the report from every result that is kept."""
    parts = [HEAD]
    for path in sorted(RESULTS.glob("training-*.json"), key=_place):
        kept = json.loads(path.read_text(encoding="utf-8"))
        cell = _cell(kept)
        parts.append(table.markdown(cell, METRICS[SOURCES[cell.setting.data].task]))
        look = "A quick look, not a claim. " if kept["quick"] else ""
        parts.append(f"{look}{machine.words(kept['machine'])}\n")
    quality = RESULTS / "quality.md"
    if quality.exists():
        parts.append(quality.read_text(encoding="utf-8"))
    REPORT.write_text("\n".join(parts), encoding="utf-8")


HEAD = """# Benchmarks

Written by `make bench`; how it is measured and how to read it is in `docs/performance.md`.
One compute thread each, in a process of its own; ratios are of real tokens per CPU-second, median of the rounds (least–most).

## Training, side by side
"""


def _keep(name: str, cell: rounds.Cell, facts: dict[str, Any], *, quick: bool) -> None:
    values = {
        "machine": facts,
        "quick": quick,
        "setting": cell.setting.to_json(),
        "ceilings": cell.ceilings,
        "rounds": [{key: reading.to_json() for key, reading in each.items()} for each in cell.rounds],
    }
    path = RESULTS / f"training-{name}.json"
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _cell(kept: dict[str, Any]) -> rounds.Cell:
    return rounds.Cell(
        setting=Setting.from_json(kept["setting"]),
        rounds=[{key: Reading.from_json(each) for key, each in readings.items()} for readings in kept["rounds"]],
        ceilings=kept["ceilings"],
    )


def _place(path: Path) -> int:
    name = path.stem.removeprefix("training-")
    return list(SUITE).index(name) if name in SUITE else len(SUITE)


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows and steps, one round: a look, not a claim")
    parser.add_argument("--cells", nargs="+", choices=list(SUITE), help="default: all, or the first one with --quick")
    parser.add_argument("--contenders", nargs="+", default=list(ALL), choices=list(ALL))
    parser.add_argument("--rounds", type=int, help="default: 3, or 1 with --quick")
    parser.add_argument("--steps", type=int, help="timed steps; default: the cell's own")
    data = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of the data sets")
    args = parser.parse_args(arguments)
    args.cells = args.cells or (list(SUITE)[:1] if args.quick else list(SUITE))
    args.rounds = args.rounds or (1 if args.quick else 3)
    return args


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
