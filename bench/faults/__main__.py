"""`python -m bench.faults`: make faults happen, count what came of them; leaves with 1 when a promise was broken.

Each group of faults has an installation of its own, in a process of its own. `--keep` keeps the counts in
`bench/results/faults.json`, `--table` prints those that are kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import django

from bench.faults import ground, kept
from bench.faults.ground import Count

Acts = Mapping[str, Callable[[], Count]]
GROUPS: Mapping[str, tuple[str, ...]] = {
    "training": ("R1", "R2", "R3", "R10", "R11"),
    "inside": ("R4", "R5", "R6", "R6f", "R7", "R8", "R9", "B4"),
    "disk": ("B6",),
    "clocks": ("B5",),
    "outside": ("B1k", "B1f", "B7", "B8", "B8r"),
    "apart": ("B1d", "B2", "B3"),
}
ALL = tuple(name for names in GROUPS.values() for name in names)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ALL, default=ALL)
    parser.add_argument("--times", type=int, default=20, help="trials of each random fault")
    parser.add_argument("--runs", type=int, default=40, help="runs under which the broker suffers")
    parser.add_argument("--deliveries", type=int, default=1000)
    parser.add_argument("--flood", type=int, default=1024, help="MiB on standard output")
    parser.add_argument("--each", type=int, default=1, help="R2: only every n-th call on the disk")
    parser.add_argument("--repeats", type=int, default=5, help="R11: runs of each task")
    parser.add_argument("--writes", type=int, default=10_000, help="B2: acknowledged writes")
    parser.add_argument("--requests", type=int, default=1000, help="B3: starts of runs")
    parser.add_argument("--load", type=int, default=5000, help="B8r: requests")
    parser.add_argument("--keep", action="store_true", help="keep the counts")
    parser.add_argument("--table", action="store_true", help="print what is kept")
    args = parser.parse_args(arguments)
    if args.table:
        print(kept.table())
        return 0
    groups = [name for name, faults in GROUPS.items() if set(faults) & set(args.only)]
    if len(groups) > 1:
        return max(_apart(args, group) for group in groups)
    with PLACES[groups[0]](args) as acts:
        counts, seconds = [], {}
        for name in (name for name in GROUPS[groups[0]] if name in args.only):
            begun = time.monotonic()
            counts.append(_told(acts[name]))
            seconds[name] = time.monotonic() - begun
            if args.keep:
                kept.keep(counts, seconds)
    return int(not all(count.ok for count in counts))


def _apart(args: argparse.Namespace, group: str) -> int:
    """One group in a process of its own."""
    numbers = ("times", "runs", "deliveries", "flood", "each", "repeats", "writes", "requests", "load")
    words = [word for name in numbers for word in (f"--{name}", str(getattr(args, name)))]
    only = [name for name in GROUPS[group] if name in args.only]
    keep = ["--keep"] if args.keep else []
    return subprocess.run(
        [sys.executable, "-m", "bench.faults", "--only", *only, *words, *keep], check=False
    ).returncode


@contextmanager
def _training(args: argparse.Namespace) -> Iterator[Acts]:
    with _folder() as folder:
        _set_up()
        from bench.faults import same

        yield {
            "R1": lambda: same.at_moments(folder / "r1", args.times),
            "R2": lambda: same.at_calls(folder / "r2", args.each),
            "R3": lambda: same.damaged(folder / "r3"),
            "R10": lambda: same.moved(folder / "r10"),
            "R11": lambda: same.repeated(folder / "r11", args.repeats),
        }


@contextmanager
def _inside(args: argparse.Namespace) -> Iterator[Acts]:
    with _folder() as folder:
        ground.begin(folder)
        from bench.faults.disk import full_disk
        from bench.faults.inside import Inside
        from bench.faults.states import each_change

        inside = Inside(times=args.times)
        yield {
            "R4": inside.r4,
            "R5": lambda: each_change(inside),
            "R6": inside.r6,
            "R6f": lambda: inside.flood(args.flood),
            "R7": lambda: inside.r7(args.deliveries),
            "R8": inside.r8,
            "R9": inside.r9,
            "B4": lambda: inside.b4(8, 300),
            "B6": lambda: full_disk(inside, folder),
        }


@contextmanager
def _clocks(args: argparse.Namespace) -> Iterator[Acts]:
    from bench.faults.servers import Postgres

    with _folder() as folder:
        database = Postgres(folder / "postgres")
        try:
            os.environ["DATABASE_URL"] = database.url()
            ground.begin(folder / "home")
            from bench.faults.clocks import wrong
            from bench.faults.inside import Inside

            inside = Inside(times=args.times)
            yield {"B5": lambda: wrong(inside, folder)}
        finally:
            database.stop()


@contextmanager
def _outside(args: argparse.Namespace) -> Iterator[Acts]:
    with _folder() as folder:
        _set_up()
        from bench.faults.limits import limited
        from bench.faults.outside import Outside
        from bench.faults.rolling import rolled
        from tests.studio import running

        with running(folder) as studio:
            outside = Outside(studio, runs=args.runs)
            yield {
                "B1k": lambda: outside.broker("B1k", outside.kill_broker, "kill -9 of the broker under queued runs"),
                "B1f": lambda: outside.broker("B1f", outside.flush_broker, "FLUSHALL under queued runs"),
                "B7": lambda: limited(outside),
                "B8": lambda: outside.web(3),
                "B8r": lambda: rolled(outside, args.load),
            }


@contextmanager
def _on_servers(args: argparse.Namespace) -> Iterator[Acts]:
    with _folder() as folder:
        _set_up()
        from bench.faults import database

        with database.installation(folder) as place:
            yield {
                "B1d": lambda: database.without_broker(place, 10),
                "B2": lambda: database.stopped(place, args.writes, 10),
                "B3": lambda: database.lied_to(place, args.requests, 6),
            }


PLACES = {
    "training": _training,
    "inside": _inside,
    "disk": _inside,
    "clocks": _clocks,
    "outside": _outside,
    "apart": _on_servers,
}


@contextmanager
def _folder() -> Iterator[Path]:
    """Short: the path of a socket below it must be."""
    with tempfile.TemporaryDirectory(prefix="faults-", dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o755)  # the account that PostgreSQL runs as passes through
        yield path


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlpstudio.config.settings.test")
    django.setup()  # the helpers of the tests import models


def _told(act: Callable[[], Count]) -> Count:
    count = act()
    print(count.line(), flush=True)
    return count


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}: {error.stderr or ''}")
