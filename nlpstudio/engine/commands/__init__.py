"""The commands, each in a module of its own that is imported only when it is asked for (torch takes seconds)."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from nlpstudio.engine import confinement


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command; `module` below this package has `add_arguments(parser)` and `run(arguments) -> exit code`."""

    module: str
    help: str


COMMANDS: Mapping[str, Command] = {
    "train": Command(module="train", help="fine-tune a base model on a file"),
    "pretrain": Command(module="pretrain", help="train a language model on a corpus, from random weights or further"),
    "train-tokenizer": Command(
        module="train_tokenizer", help="train a tokenizer on a corpus, as an order on disk says"
    ),
    "run": Command(module="run", help="do a training job that lies on disk, as the worker starts it"),
    "evaluate": Command(module="evaluate", help="judge a model on a labelled file"),
    "predict": Command(module="predict", help="answer lines of text"),
    "export": Command(module="export", help="write a model for onnxruntime, fused and in eight bits"),
    "push": Command(module="push", help="upload a model to the Hugging Face Hub"),
    "batch": Command(module="batch", help="answer every row of a file, as an order on disk says"),
    "speed": Command(module="speed", help="tell what this machine does in matrix products"),
    "base-models": Command(module="base_models", help="list the shelf of base models"),
    "fetch-base-model": Command(module="fetch_base_model", help="bring a base model to this machine"),
}


CONFINED = "--confined"


def main(arguments: Sequence[str]) -> int:
    """Do one command. Returns its exit code."""
    name, *rest = arguments or ("--help",)
    if name not in COMMANDS:
        return _help(asked=name in ("-h", "--help"))
    command = COMMANDS[name]
    if CONFINED in rest:
        confinement.confine()  # before anything is imported that starts threads
    module = import_module(f"{__name__}.{command.module}")
    parser = ArgumentParser(prog=f"python -m nlpstudio.engine {name}", description=command.help)
    module.add_arguments(parser)
    code: int = module.run(parser.parse_args(rest))
    return code


def _help(*, asked: bool) -> int:
    out = sys.stdout if asked else sys.stderr
    lines = [f"  {name:18} {command.help}" for name, command in COMMANDS.items()]
    out.write("\n".join(["usage: python -m nlpstudio.engine COMMAND …", "", *lines, ""]))
    return 0 if asked else 2
