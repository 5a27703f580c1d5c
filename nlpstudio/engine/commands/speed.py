"""`speed`: what the device of a run does in matrix products here, as one line of JSON; others go first."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace

from nlpstudio.engine import hardware

POLITE = 10


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--threads", type=int, default=0, help="0 takes all usable processors")


def run(arguments: Namespace) -> int:
    if hasattr(os, "nice"):
        os.nice(POLITE)
    chosen = hardware.choose(arguments.threads)
    told = {
        "device": hardware.device_name(chosen.device),
        "precision": chosen.precision,
        "operations_per_s": chosen.operations_per_s(),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0
