"""Interleaved rounds of child processes, and the medians of what is compared within a round."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.training.contenders import CONTENDERS
from bench.training.order import Order
from bench.training.setting import Reading, Setting

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """All readings of one setting: a dict of contender to reading for each round, and the ceilings of the rounds."""

    setting: Setting
    rounds: list[dict[str, Reading]]
    ceilings: list[dict[str, float]]

    def ratios(self, contender: str, base: str) -> list[float]:
        """Real tokens per CPU-second against `base`, one ratio a round."""
        return [r[contender].tokens_per_cpu_second / r[base].tokens_per_cpu_second for r in self.rounds]

    def median(self, contender: str, value: Callable[[Reading], float]) -> float:
        return statistics.median(value(r[contender]) for r in self.rounds)

    def ceiling(self, precision: str) -> float:
        """GFLOP/s of a CPU-second."""
        return statistics.median(each[precision] for each in self.ceilings)


def run(setting: Setting, contenders: Sequence[str], *, rounds: int, data: Path, say: Callable[[str], None]) -> Cell:
    """Run every contender once a round, each round beginning with another one."""
    found: list[dict[str, Reading]] = []
    ceilings = []
    for number in range(rounds):
        shift = number % len(contenders)
        readings = {}
        ceilings.append(ceiling(setting.model))
        for name in [*contenders[shift:], *contenders[:shift]]:
            readings[name] = _child(Order(setting=setting, contender=name, data=data.resolve()))
            say(f"round {number + 1}, {name}: {readings[name].tokens_per_cpu_second:,.0f} tokens per CPU-second")
        found.append(readings)
    return Cell(setting=setting, rounds=found, ceilings=ceilings)


def ceiling(model: str) -> dict[str, float]:
    """The machine's matrix products now, as `bench.training.ceiling` measures them."""
    values: dict[str, float] = json.loads(
        run_module("bench.training.ceiling", model, environment={"OMP_NUM_THREADS": "1"})
    )
    return values


def _child(order: Order) -> Reading:
    environment = CONTENDERS[order.contender].environment(order.threads)
    out = run_module("bench.training.child", environment=environment, given=json.dumps(order.to_json()))
    return Reading.from_json(json.loads(out.splitlines()[-1]))


def run_module(module: str, *arguments: str, environment: dict[str, str], given: str = "") -> str:
    """The output of a module run in a process of its own. Raises `CalledProcessError`; its errors are shown."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    done = subprocess.run(
        command, input=given, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT, env={**os.environ, **environment}
    )
    return done.stdout
