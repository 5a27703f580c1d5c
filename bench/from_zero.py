"""Does pre-training help? `python -m bench.from_zero --language zh` builds a language model from plain text and tries it.

A tokenizer is trained on public texts, a BERT of a preset is pre-trained on them (masked words and next sentence), and a
classifier is fine-tuned from it on a few labelled rows, beside the same architecture from random weights with the same
tokenizer, rows and settings. For each beginning the learning rate is the one of `RATES` that is best on validation.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The texts to pre-train on, one document a line or with blank lines between, and the labelled rows: text and label columns."""

    texts: tuple[str, ...]
    tables: tuple[tuple[str, int], ...]
    labelled: str
    columns: tuple[int, int]


LANGUAGES = {
    "zh": Language(
        texts=("cluecorpus_small_sample/CLUECorpusSmall_bert_sampled.txt",),
        tables=(("book_review_zh/train.tsv", 1), ("book_review_zh/dev.tsv", 1), ("chnsenticorp/train.tsv", 1)),
        labelled="chnsenticorp",
        columns=(1, 0),
    ),
    "en": Language(
        texts=("wikitext2_valid_test/valid.txt", "wikitext2_valid_test/test.txt"),
        tables=(("sst2/train.tsv", 0),),
        labelled="sst2",
        columns=(0, 1),
    ),
}


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    wanted = LANGUAGES[args.language]
    facts = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(args.keep or folder)
        corpus, labelled, tokenizer = home / "corpus", home / "labelled", home / "tokenizer"
        if not corpus.exists():
            _import_texts(wanted, args.data, corpus)
            _import_rows(wanted, args.data, labelled, args.rows)
            tokenizing.train(corpus, tokenizing.TokenizerSpec(vocabulary=args.vocabulary), tokenizer)
        params = TrainParams(
            architecture=args.architecture, epochs=args.epochs, batch_size=args.batch_size, max_length=128,
            learning_rate=args.rate, warmup_ratio=0.06, early_stopping=0, threads=args.threads, seed=0,
        )  # fmt: skip
        pretraining = _pretrained(home, corpus, tokenizer, params)
        random = _random(home, tokenizer, params)
        scores = {
            name: _best(home / name, labelled, base, args.threads)
            for name, base in (("pretrained", home / "pretrained" / "model"), ("random", random))
        }
    found = {
        "machine": facts,
        "params": params.changed(),
        "rows": args.rows,
        "pretraining": pretraining,
        "scores": scores,
    }
    name = f"from-zero-{args.language}-{args.architecture}{args.name}.json"
    (report.RESULTS / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: found[key] for key in ("pretraining", "scores")}, indent=1))
    return 0


def _import_texts(wanted: Language, data: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "corpus.txt"
        documents = [*_documents(wanted, data)]
        whole.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
        import_file(whole, target, ImportOptions(task="pretraining"))


def _documents(wanted: Language, data: Path) -> Iterator[str]:
    for name in wanted.texts:
        text = (data / name).read_text(encoding="utf-8")
        yield from (part for part in text.split("\n\n" if "\n\n" in text else "\n") if part.strip())
    for name, column in wanted.tables:
        for line in (data / name).read_text(encoding="utf-8").split("\n")[1:]:
            if line.strip():
                yield line.split("\t")[column].strip()


def _import_rows(wanted: Language, data: Path, target: Path, rows: int) -> None:
    """The first rows of the published training split; validation and test are the published validation rows, halved."""
    text, label = wanted.columns
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.tsv"
        lines = ["text\tlabel\tsplit"]
        for split, most in (("train", rows), ("dev", 10**6)):
            found = (data / wanted.labelled / f"{split}.tsv").read_text(encoding="utf-8").split("\n")[1:]
            for number, line in enumerate([each for each in found if each.strip()][:most]):
                cells = line.split("\t")
                place = "train" if split == "train" else ("validation", "test")[number % 2]
                lines.append(f"{cells[text].strip()}\t{cells[label]}\t{place}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        import_file(path, target, ImportOptions(task="classification"))


def _pretrained(home: Path, corpus: Path, tokenizer: Path, params: TrainParams) -> dict[str, Any]:
    """Pre-train into home/pretrained, and tell how it went: seconds, and the metrics of each evaluation."""
    began, cpu = time.monotonic(), time.process_time()
    curve = []
    for event in _evaluations(home / "pretrained", "pretraining", corpus, tokenizer, params):
        curve.append({"step": event.step, "seconds": round(time.monotonic() - began, 1), **event.metrics})
        _say(curve[-1])
    spent = {"seconds": round(time.monotonic() - began, 1), "cpu_seconds": round(time.process_time() - cpu, 1)}
    return {**spent, "curve": curve}


def _random(home: Path, tokenizer: Path, params: TrainParams) -> Path:
    """The same architecture as it is before pre-training."""
    target = home / "random-weights"
    seeding.seed_everything(1)
    setup = Setup(labels=(), max_length=params.max_length, params=params)
    building.build(TASKS["pretraining"], tokenizer, setup).save_pretrained(target)
    building.load_tokenizer(tokenizer).save_pretrained(target)
    return target


def _best(home: Path, dataset: Path, base: Path, threads: int) -> dict[str, Any]:
    """Test accuracies over the seeds at the learning rate whose mean validation accuracy is best."""
    tried = {}
    for rate in RATES:
        pairs = []
        for seed in SEEDS:
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
            pairs.append((best, said[-1].metrics["accuracy"]))
        _say({"base": home.name, "rate": rate, "validation, test": pairs})
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
    data = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of the data sets")
    parser.add_argument("--language", choices=list(LANGUAGES), default="zh")
    parser.add_argument("--architecture", default="small")
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--rows", type=int, default=1000, help="labelled rows to fine-tune on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", default="", help="a folder to work in and to keep")
    parser.add_argument("--name", default="", help="added to the name of the result file")
    return parser.parse_args(arguments)


def _say(words: object) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
