"""`fetch-base-model ID`: bring a base model to this machine."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from nlpstudio.engine import shelf


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", help="its id on the shelf")


def run(arguments: Namespace) -> int:
    return shelf.fetch_command(arguments.id)
