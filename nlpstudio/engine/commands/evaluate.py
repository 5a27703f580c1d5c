"""`evaluate`: the scores of a model on a labelled file, as JSON."""

from __future__ import annotations

import json
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from nlpstudio.engine.commands import console
from nlpstudio.engine.commands.importing import imported
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.inference.predictor import Predictor


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--threads", type=int, default=1)


def run(arguments: Namespace) -> int:
    out = console.own_standard_output()
    console.quiet_libraries()
    try:
        report = _evaluate(arguments)
    except EngineError as error:
        return console.complain(error)
    out.write(json.dumps(report, ensure_ascii=False) + "\n")
    return 0


def _evaluate(arguments: Namespace) -> dict[str, Any]:
    predictor = Predictor.load(arguments.model, threads=arguments.threads)
    options = ImportOptions(task=predictor.task.name, multilabel=predictor.setup.multilabel)
    with tempfile.TemporaryDirectory() as folder:
        dataset = DatasetFolder.open(imported(arguments.data, Path(folder) / "dataset", options))
        report, _ = predictor.evaluate(list(dataset.rows()))
    return {"task": predictor.task.name, **report}
