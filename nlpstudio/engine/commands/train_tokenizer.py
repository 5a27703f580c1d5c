"""`train-tokenizer ORDER`: train a tokenizer and judge it beside others, as an order on disk says."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from nlpstudio.engine import environment, tokenizing
from nlpstudio.engine.commands import console
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.engine.training import durable

OURS = ""
"""The key of the tokenizer itself among those that are compared."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("order", type=Path, help='{"dataset", "spec", "out", "others": {name: folder}} as JSON')
    parser.add_argument("--die-with-parent", action="store_true", help="be killed when the parent process dies")


def run(arguments: Namespace) -> int:
    """Each line of standard output is JSON: {"step": words}, at last {"done": judgements} or {"error": …}."""
    if arguments.die_with_parent:
        environment.die_with_parent()
    out = console.own_standard_output()

    def tell(**line: Any) -> None:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
        out.flush()

    order = json.loads(arguments.order.read_text(encoding="utf-8"))
    dataset, target = Path(order["dataset"]), Path(order["out"])
    spec = TokenizerSpec.from_json(order["spec"])
    try:
        with durable.whole_folder(target, {"kind": "tokenizer", "spec": spec.to_json()}) as draft:
            tokenizing.train(dataset, spec, draft, lambda words: tell(step=words))
        tell(step="Comparing it with the tokenizers of the shelf")
        others = {name: Path(folder) for name, folder in order["others"].items()}
        tell(done=tokenizing.compare(dataset, {OURS: target, **others}))
    except EngineError as error:
        tell(error={"code": error.code, "message": error.message, "hint": error.hint})
        return 1
    return 0
