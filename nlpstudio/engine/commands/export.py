"""`export`: a model for onnxruntime, compared with itself on labelled rows where these are given."""

from __future__ import annotations

import json
import os
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from nlpstudio.engine import environment
from nlpstudio.engine.commands import console
from nlpstudio.engine.commands.importing import imported
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.export import exporting
from nlpstudio.engine.inference.predictor import Predictor

NICENESS = 10
"""Nobody waits for it: until it is done torch answers."""
SPLITS = ("validation", "test")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path, help="the folder of a finished model")
    parser.add_argument("--format", default="onnx", choices=["onnx"])
    parser.add_argument("--out", required=True, type=Path, help="the folder to write, whole or not at all")
    parser.add_argument(
        "--data", type=Path, help="labelled rows to compare on: a file, or an imported data set's folder"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--die-with-parent", action="store_true", help="be killed when the parent process dies")


def run(arguments: Namespace) -> int:
    """Print the comparison as JSON, or the error (`{"error": {code, message, hint}}`) with exit code 1."""
    if arguments.die_with_parent:
        environment.die_with_parent()
        os.nice(NICENESS)
    out = console.own_standard_output()
    console.quiet_libraries()
    try:
        rows, split = _rows(arguments)
        report = exporting.export(
            arguments.model, arguments.out, rows=rows, split=split, threads=arguments.threads, say=console.say
        )
    except EngineError as error:
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        out.write(json.dumps({"error": told}, ensure_ascii=False) + "\n")
        return console.complain(error)
    out.write(json.dumps(report, ensure_ascii=False) + "\n")
    return 0


def _rows(arguments: Namespace) -> tuple[list[Row], str]:
    """The rows to compare on, and which split they are. A file is judged whole; of a data set, what was held out."""
    data: Path | None = arguments.data
    if data is None:
        return [], ""
    if data.is_dir():
        dataset = DatasetFolder.open(data)
        split = next((name for name in SPLITS if dataset.count(name)), "")
        return (list(dataset.rows(split)) if split else []), split
    predictor = Predictor.load(arguments.model, threads=arguments.threads)
    options = ImportOptions(task=predictor.task.name, multilabel=predictor.setup.multilabel)
    with tempfile.TemporaryDirectory() as folder:
        return list(DatasetFolder.open(imported(data, Path(folder) / "dataset", options)).rows()), "given"
