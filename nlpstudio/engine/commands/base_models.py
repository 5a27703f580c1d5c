"""`base-models`: the shelf, and what of it is on this machine."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from nlpstudio.engine import shelf


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as GET /base-models answers, with path and sources")


def run(arguments: Namespace) -> int:
    return shelf.list_command(arguments.json)
