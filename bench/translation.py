"""Translation from scratch beside transformers' `Seq2SeqTrainer`: `python -m bench.translation` prints BLEU and CPU-seconds.

Both train the same Transformer from the same random weights on the same token ids of tatoeba_en_zh, with the same batch,
steps, learning rate, warm-up and label smoothing, on one thread. The peer takes its defaults: random batches padded to their
longest, fp32. Both sets of last weights then translate the same test rows by the same beam search, which is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench import machine, report
from bench.training.clock import Clock
from bench.training.contenders import CONTENDERS
from bench.training.rounds import run_module
from nlpstudio.engine import hardware, seeding
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.encoders.writing import PairWriter
from nlpstudio.engine.job import Job
from nlpstudio.engine.metrics import writing as metrics
from nlpstudio.engine.spec import SCRATCH, TrainParams, TrainSpec
from nlpstudio.engine.tasks import building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.tasks.pairs import TRANSLATION
from nlpstudio.engine.training import loop, optim, scratch
from nlpstudio.engine.training.checkpoint import Checkpoints
from nlpstudio.engine.training.meter import SaveClock

OURS, THEIRS = "ours", "Seq2SeqTrainer"
PAIRS = Path("tatoeba_en_zh") / "cmn.txt"
SAMPLES = 5
SAME = ("processor", "cpus", "versions")
"""Facts of a machine whose rounds may stand in one table."""
EPOCHS, ROWS, ARCHITECTURE = 4, 1000, "tiny"


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    if args.child:
        print(json.dumps(_measure(json.load(sys.stdin))))
        return 0
    run(args.data, epochs=args.epochs, rows=args.rows, rounds=args.rounds, architecture=args.architecture)
    report.write()
    return 0


def run(
    data: Path,
    *,
    epochs: int = EPOCHS,
    rows: int = ROWS,
    rounds: int = 1,
    architecture: str = ARCHITECTURE,
    name: str = "",
) -> None:
    """Interleaved rounds, each with another seed; every round that is done is kept, and counts as one of the `rounds`."""
    setting = {
        "architecture": architecture, "vocabulary": 6000, "max_length": 48, "batch_size": 64, "epochs": epochs,
        "learning_rate": 2e-3, "warmup_ratio": 0.1, "label_smoothing": 0.1, "test_rows": rows,
    }  # fmt: skip
    report.RESULTS.mkdir(exist_ok=True)
    path = report.RESULTS / f"translation-{architecture}{name}.json"
    found = _begun(path, setting)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _import(data / PAIRS, home / "dataset")
        for seed in range(len(found["rounds"]), rounds):
            order = {**setting, "home": folder, "seed": seed}
            both = (OURS, THEIRS) if seed % 2 == 0 else (THEIRS, OURS)
            found["rounds"].append({who: _child({**order, "who": who}) for who in both})
            for who, reading in found["rounds"][-1].items():
                print(f"round {seed + 1}, {who}: {_words(reading)}", file=sys.stderr, flush=True)
            path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _begun(path: Path, setting: dict[str, Any]) -> dict[str, Any]:
    """What was measured before with the same setting on such a machine, to go on from; else nothing yet."""
    facts = machine.describe()
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if kept["setting"] == setting and all(kept["machine"][key] == facts[key] for key in SAME):
            return kept
    return {"machine": facts, "setting": setting, "rounds": []}


def _words(reading: dict[str, Any]) -> str:
    return f"BLEU {reading['bleu']:.2f}, chrF {reading['chrf']:.2f}, {reading['cpu_seconds']:.0f} CPU-seconds"


def _import(source: Path, target: Path) -> None:
    """The pairs as a data set, split 80:10:10 with the same English sentence on one side only."""
    table = target.with_suffix(".tsv")
    lines = (line.split("\t")[:2] for line in source.read_text(encoding="utf-8").splitlines())
    table.write_text("source\ttarget\n" + "".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    import_file(table, target, ImportOptions(task="translation"))


def _child(order: dict[str, Any]) -> dict[str, Any]:
    contender = CONTENDERS["ours" if order["who"] == OURS else "trainer"]
    out = run_module("bench.translation", "--child", environment=contender.environment(1), given=json.dumps(order))
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _measure(order: dict[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(1)
    home = Path(order["home"])
    shared = {name: order[name] for name in TrainParams().to_json() if name in order}
    params = TrainParams(**shared, threads=1)
    spec = TrainSpec(task="translation", base_model=SCRATCH, params=params)
    job = scratch.begin(Job(spec=spec, dataset=home / "dataset", base_model=home, work=home, out=home))
    dataset, tokenizer = DatasetFolder.open(job.dataset), building.load_tokenizer(job.base_model)
    setup = Setup(labels=(), max_length=params.max_length, params=params)
    examples = TRANSLATION.encode([*dataset.rows("train")], tokenizer, setup).examples  # type: ignore[list-item]  # pairs
    seeding.seed_everything(params.seed)
    model = building.build(TRANSLATION, job.base_model, setup)
    clock = Clock()
    with clock.on(model, tokenizer.pad_token_id):
        precision = (_ours if order["who"] == OURS else _theirs)(model, tokenizer, examples, setup)
    timed = clock.timed(skip=1)
    scores = _judge(model, tokenizer, [*dataset.rows("test")][: order["test_rows"]], setup)
    return {
        "precision": precision,
        "cpu_seconds": timed.cpu,
        "steps": len(clock.stamps),
        "tokens": timed.real,
        **scores,
    }


def _ours(model: Any, tokenizer: Any, examples: list[Any], setup: Setup) -> str:
    machine_here = hardware.choose(1)
    depth_of = optim.depths(model, None)
    with tempfile.TemporaryDirectory() as work:
        training = loop.Training(
            task=TRANSLATION, model=model, encoder=building.encoder(TRANSLATION, model, tokenizer),
            optimizer=optim.adamw(model, depth_of, setup.params), setup=setup,
            hardware=machine_here, train=examples, validation=None, checkpoints=Checkpoints(Path(work), job="bench"),
            clock=SaveClock(after=float("inf")),
        )  # fmt: skip
        for _event in loop.train(training):
            pass
    return machine_here.precision


def _theirs(model: Any, tokenizer: Any, examples: list[Any], setup: Setup) -> str:
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

    params = setup.params
    features = [
        {"input_ids": each.ids.tolist(), "attention_mask": [1] * len(each.ids), "labels": each.targets.tolist()}
        for each in examples
    ]
    with tempfile.TemporaryDirectory() as work:
        options = Seq2SeqTrainingArguments(
            output_dir=work, per_device_train_batch_size=params.batch_size, learning_rate=params.learning_rate,
            warmup_steps=params.warmup_ratio, weight_decay=params.weight_decay, num_train_epochs=params.epochs, seed=params.seed,
            label_smoothing_factor=params.label_smoothing, use_cpu=True, save_strategy="no", report_to="none",
            disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        collator = DataCollatorForSeq2Seq(tokenizer, model=model)
        Seq2SeqTrainer(model=model, args=options, train_dataset=features, data_collator=collator).train()
    return "fp32"


def _judge(model: Any, tokenizer: Any, rows: list[Row], setup: Setup) -> dict[str, Any]:
    """sacreBLEU (tok zh) and chrF of the test rows, as the product writes them."""
    model.eval()
    texts = [each.text or "" for each in TRANSLATION.write(PairWriter(model, tokenizer), rows, setup)]  # type: ignore[arg-type]  # pairs
    scores, signature = metrics.translation(texts, [row.target for row in rows])  # type: ignore[attr-defined]  # pairs
    samples = [[row.source, row.target, text] for row, text in zip(rows, texts, strict=True)][:SAMPLES]  # type: ignore[attr-defined]
    return {**scores, "signature": signature, "samples": samples}


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.translation", description=__doc__)
    data = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of the data sets")
    parser.add_argument("--architecture", default=ARCHITECTURE)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--rows", type=int, default=ROWS, help="test rows that are translated")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
