"""`batch ORDERFILE`: answer every row of a file; its journal says how far it is, `failed.json` why it cannot."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpstudio.engine import environment
from nlpstudio.engine.batch import running
from nlpstudio.engine.batch.journal import write_whole
from nlpstudio.engine.batch.order import FAILED_FILE, Order
from nlpstudio.engine.commands import console
from nlpstudio.engine.errors import EngineError

NICENESS = 5
"""Whoever waits for a demo or a training run comes first."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("order", type=Path, help="a file as Order.write makes it")
    parser.add_argument("--die-with-parent", action="store_true", help="be killed when the parent process dies")
    parser.add_argument("--confined", action="store_true", help="give up the network where the kernel allows it")


def run(arguments: Namespace) -> int:
    if arguments.die_with_parent:
        environment.die_with_parent()
    os.nice(NICENESS)
    console.own_standard_output()
    console.quiet_libraries()
    order = Order.read(arguments.order)
    try:
        result = running.run(order)
    except EngineError as error:
        failed = {"code": error.code, "message": error.message, "hint": error.hint}
        write_whole(order.work / FAILED_FILE, failed)
        return console.complain(error)
    console.say(f"{result.rows} rows, {result.errors} without an answer: {order.out / result.file}")
    return 0
