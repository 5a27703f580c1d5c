"""`bench/results.md`, written from every result that is kept in `bench/results/`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import machine
from bench.faults import kept as faults
from bench.serving import table as serving_table
from bench.training import quality_table, rounds, scratch_table, table, task_table
from bench.training.data import SOURCES
from bench.training.setting import Reading, Setting
from bench.training.suite import SUITE
from bench.training.task_sets import SETS, TaskSet, Whole
from bench.training.trial import Course

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
REPORT = HERE / "results.md"
METRICS = {"classification": "accuracy", "ner": "f1", "qa": "f1"}

HEAD = """# Benchmarks

Written by `make bench`; how it is measured and how to read it is in `docs/performance.md`.
One compute thread each, in a process of its own; ratios are of real tokens per CPU-second, median of the rounds (least–most).

## Training, side by side
"""

TASKS_HEAD = """## Real data, beside transformers' example recipes

Scores in percent on held-out rows, mean ± standard deviation over the seeds; how, in `docs/performance.md`.
"""


def write() -> None:
    """Write the report from every result that is kept."""
    parts = [HEAD]
    for path in sorted(RESULTS.glob("training-*.json"), key=_place):
        kept = json.loads(path.read_text(encoding="utf-8"))
        cell = cell_of(kept)
        parts.append(table.markdown(cell, METRICS[SOURCES[cell.setting.data].task]))
        look = "A quick look, not a claim. " if kept["quick"] else ""
        parts.append(f"{look}{machine.words(kept['machine'])}\n")
    parts.append("## Time to quality, and final quality\n")
    for path in sorted(RESULTS.glob("quality-*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        parts.append(quality_table.markdown([Course.from_json(each) for each in kept["courses"]]))
        parts.append(f"{machine.words(kept['machine'])}\n")
    parts += _tasks()
    parts += scratch_table.sections(RESULTS)
    parts += _ingest()
    parts += serving_table.sections(RESULTS)
    parts += faults.sections()
    REPORT.write_text("\n".join(parts), encoding="utf-8")


def _tasks() -> list[str]:
    """The whole fine-tunes of every task, as far as both contenders are there."""
    places = [RESULTS / f"tasks-{name}.json" for name in SETS]
    kept = [json.loads(place.read_text(encoding="utf-8")) for place in places if place.exists()]
    found = [(TaskSet.from_json(each["set"]), [Whole.from_json(run) for run in each["runs"]]) for each in kept]
    whole = [(wanted, runs) for wanted, runs in found if task_table.is_whole(runs)]
    return [TASKS_HEAD, task_table.markdown(whole), *_machines(kept)] if whole else []


def _machines(kept: Sequence[Mapping[str, Any]]) -> list[str]:
    """On which processor which set was measured last, a line each."""
    sets: dict[str, list[str]] = {}
    facts = {each["machine"]["processor"]: each["machine"] for each in kept}
    for each in kept:
        sets.setdefault(each["machine"]["processor"], []).append(each["set"]["name"])
    return [f"{', '.join(names)}: {machine.words(facts[processor])}\n" for processor, names in sets.items()]


def _ingest() -> list[str]:
    """A corpus's import, where it was measured."""
    path = RESULTS / "ingest-corpus.json"
    if not path.exists():
        return []
    kept = json.loads(path.read_text(encoding="utf-8"))
    words = (
        "{source_mib} MiB of English and Chinese text, {documents:,} documents, {documents_kept:,} after cleaning and taking "
        "repetitions out: {import_cpu_s} CPU-seconds ({import_s} s by the clock), at most {import_peak_over_idle_mib} MiB of "
        "memory over the idle process's {idle_mib}.\n"
    )
    return ["## Importing a corpus\n", words.format(**kept), f"{machine.words(kept['machine'])}\n"]


def cell_of(kept: dict[str, Any]) -> rounds.Cell:
    """The readings of a kept result."""
    return rounds.Cell(
        setting=Setting.from_json(kept["setting"]),
        rounds=[{key: Reading.from_json(each) for key, each in readings.items()} for readings in kept["rounds"]],
        ceilings=kept["ceilings"],
    )


def _place(path: Path) -> int:
    name = path.stem.removeprefix("training-")
    return list(SUITE).index(name) if name in SUITE else len(SUITE)  # quick looks come last


if __name__ == "__main__":
    write()
