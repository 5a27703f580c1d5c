"""`train`: from a labelled file to a finished model, without Django."""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

from nlpstudio.engine import shelf
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.commands import console, ranks
from nlpstudio.engine.commands.importing import imported
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.errors import EngineError, InvalidSpec, UnreadableFile
from nlpstudio.engine.events import Event
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import SCRATCH, TrainParams, TrainSpec
from nlpstudio.engine.training import session

WORK = ".work"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--task", required=True, choices=sorted(CATALOGUE))
    parser.add_argument("--data", required=True, type=Path, help="the rows, split 80:10:10 where no split is given")
    parser.add_argument(
        "--base-model",
        required=True,
        help=f"an id of the shelf, a folder, or {SCRATCH} (translation, summarization: random weights and a tokenizer of its own)",
    )
    parser.add_argument("--out", required=True, type=Path, help="where model/ and predictions/ will be")
    parser.add_argument("--params", default="{}", help='hyper-parameters as JSON, as {"epochs": 3}')
    parser.add_argument("--validation", type=Path, help="a file of validation rows")
    parser.add_argument("--test", type=Path, help="a file of test rows")
    parser.add_argument("--multilabel", action="store_true", help="several labels in a cell, joined by |")
    parser.add_argument("--name", default="", help="what the model card calls the model")


def run(arguments: Namespace) -> int:
    out = console.own_standard_output()
    console.quiet_libraries()
    stop = console.stop_on_signal()

    def events() -> Generator[Event, None, None]:
        job = _job(arguments)
        yield from session.run(job, stop=stop)
        shutil.rmtree(job.work)

    try:
        if TrainParams.from_json(_json_object(arguments.params)).devices > 1:
            return _by_several(arguments, out, stop)
    except EngineError as error:
        return console.fail(error, out)
    return console.follow(events(), out)


def _by_several(arguments: Namespace, out: IO[str], stop: Callable[[], bool]) -> int:
    """The same in as many processes as devices are wanted."""
    job = _job(arguments)
    path = job.work / "job.json"
    job.write(path)
    code = ranks.follow(path, job, out, stop)
    if code == 0:
        shutil.rmtree(job.work)
    return code


def _job(arguments: Namespace) -> Job:
    params = TrainParams.from_json(_json_object(arguments.params))
    out = arguments.out.absolute()
    if arguments.base_model == SCRATCH:
        base_model_id, base_model = SCRATCH, out / WORK  # the engine makes its tokenizer there
    else:
        base_model_id, base_model = _base_model(arguments.base_model)
    spec = TrainSpec(task=arguments.task, base_model=base_model_id, params=params)
    given = {"validation": arguments.validation, "test": arguments.test}
    extra = {name: _file(path) for name, path in given.items() if path is not None}
    options = ImportOptions(task=arguments.task, multilabel=arguments.multilabel)
    dataset = out / WORK / "dataset"
    shutil.rmtree(dataset, ignore_errors=True)
    dataset.parent.mkdir(parents=True, exist_ok=True)
    imported(_file(arguments.data), dataset, options, extra=extra)
    return Job(spec=spec, dataset=dataset, base_model=base_model, work=out / WORK, out=out, name=arguments.name)


def _json_object(text: str) -> dict[str, object]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise InvalidSpec(f"--params is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise InvalidSpec("--params must be a JSON object", hint='For example {"epochs": 3}.')
    return values


def _base_model(given: str) -> tuple[str, Path]:
    folder = Path(given)
    if any((folder / name).is_file() for name in ("config.json", "tokenizer.json")):
        return folder.name, folder.absolute()
    return given, shelf.path_of(given)


def _file(path: Path) -> Path:
    if not path.is_file():
        raise UnreadableFile(f"there is no file {path}")
    return path
