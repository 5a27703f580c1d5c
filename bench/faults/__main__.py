"""`python -m bench.faults`: make faults happen, count what came of them; leaves with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import django

from bench.faults import ground
from bench.faults.ground import Count

INSIDE = ("R4", "R6", "R6f", "R7", "R8", "R9", "B4", "B6")
OUTSIDE = ("B1k", "B1f", "B8")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[*INSIDE, *OUTSIDE], default=[*INSIDE, *OUTSIDE])
    parser.add_argument("--times", type=int, default=20, help="trials of each random fault")
    parser.add_argument("--runs", type=int, default=40, help="runs under which the broker suffers")
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument("--flood", type=int, default=1024, help="MiB on standard output")
    args = parser.parse_args(arguments)
    counts: list[Count] = []
    if set(args.only) & set(INSIDE):
        counts += _inside(args)
    if set(args.only) & set(OUTSIDE):
        counts += _outside(args)
    return int(not all(count.ok for count in counts))


def _inside(args: argparse.Namespace) -> list[Count]:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        ground.begin(Path(folder))
        from bench.faults.disk import full_disk
        from bench.faults.inside import Inside

        inside = Inside(times=args.times)
        acts: dict[str, Callable[[], Count]] = {
            "R4": inside.r4,
            "R6": inside.r6,
            "R6f": lambda: inside.flood(args.flood),
            "R7": lambda: inside.r7(args.deliveries),
            "R8": inside.r8,
            "R9": inside.r9,
            "B4": lambda: inside.b4(8, 300),
            "B6": lambda: full_disk(inside, Path(folder)),
        }
        return [_told(acts[name]) for name in INSIDE if name in args.only]


def _outside(args: argparse.Namespace) -> list[Count]:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlpstudio.config.settings.test")
        django.setup()  # the helpers of the tests import models
        from bench.faults.outside import Outside
        from tests.studio import running

        with running(Path(folder)) as studio:
            outside = Outside(studio, runs=args.runs)
            acts: dict[str, Callable[[], Count]] = {
                "B1k": lambda: outside.broker("B1k", outside.kill_broker, "kill -9 of the broker under queued runs"),
                "B1f": lambda: outside.broker("B1f", outside.flush_broker, "FLUSHALL under queued runs"),
                "B8": lambda: outside.web(3),
            }
            return [_told(acts[name]) for name in OUTSIDE if name in args.only]


def _told(act: Callable[[], Count]) -> Count:
    count = act()
    print(count.line(), flush=True)
    return count


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}: {error.stderr or ''}")
