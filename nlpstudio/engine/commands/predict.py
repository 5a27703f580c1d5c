"""`predict`: one answer of JSON for each line of a file or of standard input."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from pathlib import Path
from typing import Any

from nlpstudio.engine.commands import console
from nlpstudio.engine.errors import EngineError, UnreadableFile, UnsuitableInput
from nlpstudio.engine.inference.predictor import Predictor

LINES_AT_ONCE = 256


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--input", type=Path, help="lines of text, of tab-separated columns, or of JSON objects")
    parser.add_argument("--threads", type=int, default=1)


def run(arguments: Namespace) -> int:
    out = console.own_standard_output()
    console.quiet_libraries()
    try:
        predictor = Predictor.load(arguments.model, threads=arguments.threads)
        for answer in _answers(predictor, arguments.input):
            out.write(json.dumps(answer, ensure_ascii=False) + "\n")
    except EngineError as error:
        return console.complain(error)
    return 0


def _answers(predictor: Predictor, path: Path | None) -> Iterator[Any]:
    """The answers to a file's lines in their order; lines from a terminal or a pipe are answered one by one."""
    if path is not None and not path.is_file():
        raise UnreadableFile(f"there is no file {path}")
    with path.open(encoding="utf-8") if path else nullcontext(sys.stdin) as file:
        lines = (line.rstrip("\r\n") for line in file)
        while batch := list(islice(lines, LINES_AT_ONCE if path else 1)):
            yield from predictor.predict([_inputs(line, predictor.task.input_names) for line in batch])


def _inputs(line: str, names: tuple[str, ...]) -> Any:
    if line.startswith("{"):
        try:
            return json.loads(line)
        except ValueError as error:
            raise UnsuitableInput(f"not a JSON object: {line[:80]}") from error
    cells = line.split("\t")
    if len(cells) > len(names):
        raise UnsuitableInput(f"a line has {len(cells)} columns; it may have {', '.join(names)}")
    return cells[0] if len(cells) == 1 else dict(zip(names, cells, strict=False))
