"""`pretrain`: from a corpus to a language model, without Django; it trains a tokenizer first when none is given."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser, Namespace
from collections.abc import Generator
from pathlib import Path

from nlpstudio.engine import tokenizing
from nlpstudio.engine.commands import console
from nlpstudio.engine.commands.importing import imported
from nlpstudio.engine.commands.train import WORK, _base_model, _file, _json_object
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.events import Event
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.tokenizing import KINDS, TokenizerSpec
from nlpstudio.engine.training import session

TOKENIZER = "tokenizer"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--data", required=True, type=Path, help="text with an empty line between documents, JSONL or zip"
    )
    parser.add_argument("--out", required=True, type=Path, help="where model/ (and tokenizer/) will be")
    parser.add_argument(
        "--params", default="{}", help='settings as JSON, as {"objective": "mlm_nsp", "architecture": "small"}'
    )
    parser.add_argument(
        "--base-model", default="", help="go on from this id of the shelf or folder, not from random weights"
    )
    parser.add_argument(
        "--tokenizer", type=Path, help="a folder with tokenizer.json; one is trained when neither is given"
    )
    parser.add_argument("--tokenizer-kind", choices=KINDS, default="wordpiece")
    parser.add_argument("--vocabulary", type=int, default=8000, help="tokens of the tokenizer that is trained")
    parser.add_argument("--cased", action="store_true", help="train a tokenizer that keeps letter case")
    parser.add_argument("--validation", type=Path, help="a file of validation documents")
    parser.add_argument("--name", default="", help="what the model card calls the model")


def run(arguments: Namespace) -> int:
    out = console.own_standard_output()
    console.quiet_libraries()
    stop = console.stop_on_signal()

    def events() -> Generator[Event, None, None]:
        job = _job(arguments)
        yield from session.run(job, stop=stop)
        shutil.rmtree(job.work)

    return console.follow(events(), out)


def _job(arguments: Namespace) -> Job:
    params = TrainParams.from_json(_json_object(arguments.params))
    if arguments.base_model and arguments.tokenizer:
        raise InvalidSpec("a base model brings its own tokenizer", hint="Give --base-model or --tokenizer.")
    out = arguments.out.absolute()
    dataset = out / WORK / "dataset"
    shutil.rmtree(dataset, ignore_errors=True)
    dataset.parent.mkdir(parents=True, exist_ok=True)
    extra = {"validation": _file(arguments.validation)} if arguments.validation else {}
    imported(_file(arguments.data), dataset, ImportOptions(task="pretraining"), extra=extra)
    if arguments.base_model:
        name, base = _base_model(arguments.base_model)
    elif arguments.tokenizer:
        name, base = arguments.tokenizer.name, arguments.tokenizer.absolute()
    else:
        name, base = TOKENIZER, out / TOKENIZER
        order = TokenizerSpec(
            kind=arguments.tokenizer_kind, vocabulary=arguments.vocabulary, lowercase=not arguments.cased
        )
        if not (base / "tokenizer.json").is_file():  # a run that goes on has it already
            tokenizing.train(dataset, order, base, console.say)
    spec = TrainSpec(task="pretraining", base_model=name, params=params)
    return Job(spec=spec, dataset=dataset, base_model=base, work=out / WORK, out=out, name=arguments.name)
