"""Ten thousand hostile requests to the API, drawn from its schema by Schemathesis; prints JSON, fails on any breach.

    python -m bench.fuzz_api [--cases N] [--seed N]

It is the suite's own test (`tests/api/test_fuzz.py`) with more cases: each is a request in this process, in a transaction that
is rolled back. A breach is a status of 500, an answer other than the schema promises, or a success without a token.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

OPERATIONS = 45
"""About so many does the API have: only to turn cases into cases an operation."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz_api", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        wish = {
            "FUZZ_CASES": str(-(-args.cases // OPERATIONS)),
            "FUZZ_SEED": str(args.seed),
            "FUZZ_REPORT": str(report),
            "FUZZ_SECONDS": "7200",
        }
        test = [sys.executable, "-m", "pytest", "-q", "-p", "no:logging", "tests/api/test_fuzz.py"]
        done = subprocess.run(
            test, env={**os.environ, **wish}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        print(report.read_text(encoding="utf-8") if report.exists() else done.stdout)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
