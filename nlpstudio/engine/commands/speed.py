"""`speed`: what the device of a run does in matrix products here, as one line of JSON; others go first."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace

from nlpstudio.engine import environment

POLITE = 5


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--die-with-parent", action="store_true", help="be killed when the parent process dies")
    parser.add_argument("--threads", type=int, default=0, help="0 takes all usable processors")


def run(arguments: Namespace) -> int:
    if arguments.die_with_parent:
        environment.die_with_parent()
    if hasattr(os, "nice"):
        os.nice(POLITE)
    from nlpstudio.engine import hardware  # torch takes seconds, in which the parent may die

    chosen = hardware.choose(arguments.threads)
    told = {
        "device": hardware.device_name(chosen.device),
        "precision": chosen.precision,
        "operations_per_s": chosen.operations_per_s(),
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0
