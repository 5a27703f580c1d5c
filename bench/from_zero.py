"""Does pre-training help? `python -m bench.from_zero --language zh` builds a language model from plain text and tries it.

A tokenizer is trained on public texts, a BERT of a preset is pre-trained on them (masked words and next sentence), and
classifiers are fine-tuned from it on a few labelled rows of several data sets, beside the same architecture from random
weights with the same tokenizer, rows and settings. For each beginning the learning rate is the one of `RATES` that is
best on validation. The texts of the training rows are among the public texts, without their labels; held-out rows never.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench import machine, report
from nlpstudio.engine import seeding, tokenizing
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.events import Evaluated
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.training import session

RATES = (2e-4, 5e-4, 1e-3)
SEEDS = (0, 1, 2)
BEGINNINGS = ("pretrained", "random")
CURVE = "pretraining.json"
DATA = Path(os.environ.get("STUDIO_BENCH_DATA", "../shared/data"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file of rows, read by its name's ending, and the column of its texts."""

    path: str
    text: int
    header: bool = False

    def rows(self, data: Path) -> Iterator[list[str]]:
        """The rows, each a list of stripped cells."""
        dialect: Mapping[str, Any] = (
            {} if self.path.endswith(".csv") else {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
        )
        with (data / self.path).open(encoding="utf-8", newline="") as lines:
            for row in islice(csv.reader(lines, **dialect), int(self.header), None):
                if len(row) > self.text and row[self.text].strip():
                    yield [cell.strip() for cell in row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Rows to fine-tune on and rows that are held out, and the column of their labels."""

    train: Table
    held_out: Table
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The texts to pre-train on (one document a line or with blank lines between; tables), and the labelled sets."""

    texts: tuple[str, ...]
    tables: tuple[Table, ...]
    labelled: Mapping[str, Labelled]


LANGUAGES = {
    "zh": Language(
        texts=("cluecorpus_small_sample/CLUECorpusSmall_bert_sampled.txt",),
        tables=(
            Table(path="book_review_zh/train.tsv", text=1, header=True),
            Table(path="book_review_zh/dev.tsv", text=1, header=True),
            Table(path="csl_titles/dev.tsv", text=1),
            Table(path="csl_titles/test.tsv", text=1),
        ),
        labelled={
            "chnsenticorp": Labelled(
                train=Table(path="chnsenticorp/train.tsv", text=1, header=True),
                held_out=Table(path="chnsenticorp/dev.tsv", text=1, header=True),
                label=0,
            ),
            "thucnews_titles": Labelled(
                train=Table(path="thucnews_titles/test.txt", text=0),
                held_out=Table(path="thucnews_titles/dev.txt", text=0),
                label=1,
            ),
            "csl_discipline": Labelled(
                train=Table(path="csl_discipline/train.tsv", text=1),
                held_out=Table(path="csl_discipline/dev.tsv", text=1),
                label=2,
            ),
        },
    ),
    "en": Language(
        texts=("wikitext2_valid_test/valid.txt", "wikitext2_valid_test/test.txt"),
        tables=(),
        labelled={
            "sst2": Labelled(
                train=Table(path="sst2/train.tsv", text=0, header=True),
                held_out=Table(path="sst2/dev.tsv", text=0, header=True),
                label=1,
            ),
            "banking77": Labelled(
                train=Table(path="banking77/train.csv", text=0, header=True),
                held_out=Table(path="banking77/test.csv", text=0, header=True),
                label=1,
            ),
        },
    ),
}


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    wanted = LANGUAGES[args.language]
    facts = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(args.keep or folder)
        corpus, tokenizer = home / "corpus", home / "tokenizer"
        if not corpus.exists():
            _import_texts(wanted, args.data, corpus)
            tokenizing.train(corpus, tokenizing.TokenizerSpec(vocabulary=args.vocabulary), tokenizer)
        params = TrainParams(
            architecture=args.architecture, epochs=args.epochs, batch_size=args.batch_size, max_length=128,
            learning_rate=args.rate, warmup_ratio=0.06, early_stopping=0, threads=args.threads, seed=0,
        )  # fmt: skip
        beginnings = {
            "random": lambda: _random(home, tokenizer, params),
            "pretrained": lambda: _pretrained(home, corpus, tokenizer, params),
        }
        scores: dict[str, dict[str, Any]] = {}
        for key in args.beginnings:
            base = beginnings[key]()
            for name in args.labelled or wanted.labelled:
                rows = home / f"{name}-{args.rows}"
                if not rows.exists():
                    _import_rows(wanted.labelled[name], args.data, rows, args.rows)
                place = home / f"{name}-{args.rows}-{key}"
                scores.setdefault(name, {})[key] = _best(place, rows, base, args.rates, args.threads)
    if set(args.beginnings) != set(BEGINNINGS):
        return 0
    found = {
        "machine": facts,
        "language": args.language,
        "params": params.changed(),
        "rows": args.rows,
        "pretraining": json.loads((home / CURVE).read_text(encoding="utf-8")),
        "scores": scores,
    }
    name = f"from-zero-{args.language}-{args.architecture}{args.name}.json"
    (report.RESULTS / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    report.write()
    print(json.dumps({key: found[key] for key in ("pretraining", "scores")}, indent=1))
    return 0


def _import_texts(wanted: Language, data: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(wanted, data, whole := Path(folder) / "corpus.txt")
        import_file(whole, target, ImportOptions(task="pretraining"))


def write_corpus(wanted: Language, data: Path, path: Path) -> None:
    """The texts to pre-train on as one file, a blank line between documents."""
    path.write_text("\n\n".join(_documents(wanted, data)) + "\n", encoding="utf-8")


def _documents(wanted: Language, data: Path) -> Iterator[str]:
    for name in wanted.texts:
        text = (data / name).read_text(encoding="utf-8")
        yield from (part for part in text.split("\n\n" if "\n\n" in text else "\n") if part.strip())
    for table in (*wanted.tables, *(each.train for each in wanted.labelled.values())):
        yield from (row[table.text] for row in table.rows(data))


def _import_rows(wanted: Labelled, data: Path, target: Path, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_rows(wanted, data, path := Path(folder) / "rows.tsv", rows)
        import_file(path, target, ImportOptions(task="classification"))


def write_rows(wanted: Labelled, data: Path, path: Path, rows: int) -> None:
    """So many rows of the published training split; validation and test are 1,000 held-out rows, halved."""
    lines = ["text\tlabel\tsplit"]
    for table, most, splits in ((wanted.train, rows, ("train",)), (wanted.held_out, 1000, ("validation", "test"))):
        found = [*table.rows(data)]
        for number, row in enumerate(random.Random(0).sample(found, min(most, len(found)))):
            lines.append(f"{row[table.text]}\t{row[wanted.label]}\t{splits[number % len(splits)]}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _pretrained(home: Path, corpus: Path, tokenizer: Path, params: TrainParams) -> Path:
    """Pre-train, unless it is done, and keep how it went in `CURVE`: seconds, and the metrics of each evaluation."""
    target = home / "pretrained" / "model"
    if (home / CURVE).exists():
        return target
    began, cpu = time.monotonic(), time.process_time()
    curve = []
    for event in _evaluations(home / "pretrained", "pretraining", corpus, tokenizer, params):
        curve.append({"step": event.step, "seconds": round(time.monotonic() - began, 1), **event.metrics})
        _say(curve[-1])
    spent = {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}
    (home / CURVE).write_text(json.dumps({**spent, "curve": curve}), encoding="utf-8")
    return target


def _random(home: Path, tokenizer: Path, params: TrainParams) -> Path:
    """The same architecture as it is before pre-training."""
    target = home / "random-weights"
    seeding.seed_everything(1)
    setup = Setup(labels=(), max_length=params.max_length, params=params)
    building.build(TASKS["pretraining"], tokenizer, setup).save_pretrained(target)
    building.load_tokenizer(tokenizer).save_pretrained(target)
    return target


def _best(home: Path, dataset: Path, base: Path, rates: Sequence[float], threads: int) -> dict[str, Any]:
    """Test accuracies over the seeds at the learning rate whose mean validation accuracy is best."""
    tried = {}
    for rate in rates:
        pairs = []
        for seed in SEEDS:
            done = home / f"{rate}-{seed}.json"
            if done.exists():
                pairs.append(json.loads(done.read_text(encoding="utf-8")))
                continue
            params = TrainParams(
                epochs=5,
                batch_size=16,
                max_length=128,
                learning_rate=rate,
                seed=seed,
                threads=threads,
                early_stopping=0,
            )
            said = [*_evaluations(home / f"{rate}-{seed}", "classification", dataset, base, params)]
            best = max(event.metrics["accuracy"] for event in said if event.split == "validation")
            pairs.append([best, said[-1].metrics["accuracy"]])
            done.write_text(json.dumps(pairs[-1]), encoding="utf-8")
        _say({"set": home.name, "rate": rate, "validation, test": pairs})
        tried[rate] = pairs
    rate = max(tried, key=lambda each: statistics.mean(validation for validation, _test in tried[each]))
    test = [score for _validation, score in tried[rate]]
    return {"rate": rate, "test": test, "mean": statistics.mean(test), "tried": {str(key): tried[key] for key in tried}}


def _evaluations(out: Path, task: str, dataset: Path, base: Path, params: TrainParams) -> Iterator[Evaluated]:
    spec = TrainSpec(task=task, base_model=base.name, params=params)
    job = Job(spec=spec, dataset=dataset, base_model=base, work=out / "work", out=out)
    yield from (event for event in session.run(job) if isinstance(event, Evaluated))


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.from_zero", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the data sets")
    parser.add_argument("--language", choices=list(LANGUAGES), default="zh")
    parser.add_argument("--architecture", default="tiny")
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--rows", type=int, default=500, help="labelled rows to fine-tune on")
    parser.add_argument("--labelled", nargs="+", default=[], help="labelled sets to try, if not all of the language")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES, help="learning rates of the fine-tunes")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--keep", default="", help="a folder to work in and to keep; what is done there is not done again"
    )
    parser.add_argument(
        "--beginnings", nargs="+", choices=BEGINNINGS, default=BEGINNINGS, help="fine-tune from these alone"
    )
    parser.add_argument("--name", default="", help="added to the name of the result file")
    return parser.parse_args(arguments)


def _say(words: object) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
