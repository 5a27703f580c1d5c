"""`push`: a model to the Hugging Face Hub; the token is read from standard input, so that no list of processes shows it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpstudio.engine import environment
from nlpstudio.engine.commands import console
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.export import hub


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--repo", required=True, help="owner/name")
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--die-with-parent", action="store_true", help="be killed when the parent process dies")


def run(arguments: Namespace) -> int:
    """Print each step as `{"step"}`, then `{"url", "commit", "tried"}` or `{"error": {code, message, hint}}`."""
    if arguments.die_with_parent:
        environment.die_with_parent()
    out = console.own_standard_output()
    console.quiet_libraries()
    token = sys.stdin.readline().strip()

    def say(words: str) -> None:
        out.write(json.dumps({"step": words}) + "\n")

    try:
        done = hub.push(arguments.model, arguments.repo, token=token, private=arguments.private, say=say)
    except EngineError as error:
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        out.write(json.dumps({"error": told}, ensure_ascii=False) + "\n")
        return console.complain(error)
    out.write(json.dumps(done) + "\n")
    return 0
