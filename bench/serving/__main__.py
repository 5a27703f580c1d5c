"""Serving, side by side: engines alone, and servers over HTTP, at several numbers of clients; keeps readings in bench/results.

    python -m bench.serving alone --model DIR --texts FILE [--rounds N] [--seconds S] [--clients 1 8 32]
    python -m bench.serving http  --model DIR --texts FILE [--lit PYTHON] [--training]
    python -m bench.serving overload --model DIR --texts FILE

`--model` is a finished classifier with its `onnx/` folder (`python -m nlpstudio.engine export`), `--texts` a
tab-separated file whose first column is asked. Every contender has one compute thread; rounds are interleaved.
`--lit` is the Python of an environment that has LitServe; `--training` lets a fine-tune run beside.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import machine
from bench.report import RESULTS
from bench.serving import servers
from nlpstudio.engine.environment import child_environment

ROOT = Path(__file__).resolve().parents[2]
ALONE = ("pipeline", "torch", "onnx", "int8")


def alone(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Every contender in a process of its own, each window a fresh one."""
    windows = []
    for turn in range(args.rounds):
        for clients in args.clients:
            for contender in args.contenders or ALONE:
                command = [sys.executable, "-W", "ignore", "-m", "bench.serving.alone"]
                given = [contender, str(args.model), str(args.texts), str(clients), str(args.seconds)]
                environment = {**os.environ, **child_environment(1), "PYTHONPATH": str(ROOT)}
                done = subprocess.run(
                    [*command, *given], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
                )
                windows.append({"contender": contender, "round": turn, **json.loads(done.stdout.splitlines()[-1])})
                _say(windows[-1])
    return windows


def summary(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The median window of each contender at each number of clients, with its ratio to the pipeline."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for each in windows:
        groups.setdefault((each["clients"], each["contender"]), []).append(each)
    rows = []
    for (clients, contender), own in groups.items():
        peers = groups.get((clients, "pipeline"), [])
        by_round = {each["round"]: each["per_cpu_s"] for each in peers}
        ratios = [each["per_cpu_s"] / by_round[each["round"]] for each in own if by_round.get(each["round"])]
        figures = ("per_cpu_s", "per_s", "p50_ms", "p99_ms", "memory_mib")
        rows.append(
            {
                "clients": clients,
                "contender": contender,
                "rounds": len(own),
                **{key: statistics.median(each[key] for each in own) for key in figures},
                "refused": sum(each["refused"] for each in own),
                "failed": sum(each["failed"] for each in own),
                "ratio": round(statistics.median(ratios), 2) if ratios else None,
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("part", choices=["alone", "http", "overload"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--contenders", nargs="+")
    parser.add_argument("--lit", type=Path)
    parser.add_argument("--training", type=Path, help="a base model and a data set: BASE,DATA")
    args = parser.parse_args()
    facts = machine.describe()
    windows = {"alone": alone, "http": servers.compare, "overload": servers.overload}[args.part](args)
    rows = summary(windows)
    name = f"serving-{args.part}{'-beside-training' if args.training else ''}"
    kept = {"machine": facts, "summary": rows, "windows": windows}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(rows, indent=1))


def _say(window: dict[str, Any]) -> None:
    print(json.dumps(window), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
