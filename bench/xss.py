"""Every hostile text of `tests/browser/hostile.py` in every field of a real studio, seen by Chromium; prints JSON, fails on an effect.

    python -m bench.xss [--texts N] [--details N]

`--details` is of how many things of each kind the own page is opened, beside all pages of the lists that show every text.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.hostile import payloads
from tests.browser.hunting import hunt_all
from tests.studio import running

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.xss", description=__doc__)
    every = payloads()
    parser.add_argument("--texts", type=int, default=len(every))
    parser.add_argument("--details", type=int, default=len(every))
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as studio, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        found = hunt_all(studio, browser, every[: args.texts], details=args.details)
        browser.close()
    report = {
        "texts": len(every[: args.texts]),
        "pages": found.pages,
        "times_shown": found.seen,
        "effects": found.effects,
    }
    print(json.dumps(report, indent=1))
    return 1 if found.effects else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
