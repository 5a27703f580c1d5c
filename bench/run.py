"""`python -m bench`: run the comparisons, keep the raw readings, write `bench/results.md` from all that is kept."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import machine, pretraining, report, translation
from bench.training import rounds, table
from bench.training.data import SOURCES
from bench.training.suite import ALL, SUITE, quick


def _pretraining(data: Path, rounds_: int, is_quick: bool) -> None:
    steps = 4 if is_quick else pretraining.SETTING["steps"]
    name = "-quick" if is_quick else ""
    pretraining.run(data / pretraining.CORPUS, {**pretraining.SETTING, "steps": steps}, rounds=rounds_, name=name)


def _translation(data: Path, rounds_: int, is_quick: bool) -> None:
    short = {"epochs": 1, "rows": 100, "name": "-quick"} if is_quick else {}
    translation.run(data, rounds=min(rounds_, 2), **short)


SCRATCH: Mapping[str, Callable[[Path, int, bool], None]] = {"pretraining": _pretraining, "translation": _translation}
"""The cells that begin with random weights."""


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    report.RESULTS.mkdir(exist_ok=True)
    for name in args.cells:
        if name in SCRATCH:
            SCRATCH[name](args.data, 1 if args.quick else args.rounds, args.quick)
            continue
        setting = quick(SUITE[name]) if args.quick else SUITE[name]
        setting = replace(setting, steps=args.steps or setting.steps)
        _say(f"{name}: {setting}")
        facts = machine.describe()
        cell = rounds.run(setting, args.contenders, rounds=args.rounds, data=args.data, say=_say)
        if args.more:
            cell = _after_the_kept(name, cell)
        _keep(name, cell, facts, quick=args.quick)
        print(table.markdown(cell, report.METRICS[SOURCES[setting.data].task]), flush=True)
    report.write()
    return 0


def _after_the_kept(name: str, cell: rounds.Cell) -> rounds.Cell:
    """The kept rounds of the same setting and contenders with those of `cell` after them."""
    path = report.RESULTS / f"training-{name}.json"
    if not path.exists():
        return cell
    kept = report.cell_of(json.loads(path.read_text(encoding="utf-8")))
    if kept.setting != cell.setting or kept.rounds[0].keys() != cell.rounds[0].keys():
        return cell
    return replace(cell, rounds=[*kept.rounds, *cell.rounds], ceilings=[*kept.ceilings, *cell.ceilings])


def _keep(name: str, cell: rounds.Cell, facts: dict[str, Any], *, quick: bool) -> None:
    values = {
        "machine": facts,
        "quick": quick,
        "setting": cell.setting.to_json(),
        "ceilings": cell.ceilings,
        "rounds": [{key: reading.to_json() for key, reading in each.items()} for each in cell.rounds],
    }
    path = report.RESULTS / f"training-{name}{'-quick' if quick else ''}.json"
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rows and steps, one round: a look, not a claim")
    parser.add_argument(
        "--cells", nargs="+", choices=[*SUITE, *SCRATCH], help="default: all, or the first one with --quick"
    )
    parser.add_argument("--contenders", nargs="+", default=list(ALL), choices=list(ALL))
    parser.add_argument("--rounds", type=int, help="default: 3, or 1 with --quick")
    parser.add_argument("--more", action="store_true", help="add the rounds to those that are kept of the same setting")
    parser.add_argument("--steps", type=int, help="timed steps; default: the cell's own")
    data = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of the data sets")
    args = parser.parse_args(arguments)
    args.cells = args.cells or (list(SUITE)[:1] if args.quick else [*SUITE, *SCRATCH])
    args.rounds = args.rounds or (1 if args.quick else 3)
    return args


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
