"""Pre-training beside transformers' `run_mlm` recipe: `python -m bench.pretraining` counts tokens a CPU-second.

Both train a BERT of the same shape with random weights by masked words alone, on the same documents with the same
tokenizer, on one thread. The recipe concatenates all texts and cuts them into blocks (no padding), masks with
`DataCollatorForLanguageModeling` and trains with `Trainer`; ours keeps documents apart and packs them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from bench import machine, report
from bench.training.clock import WARM_UP, Clock
from bench.training.contenders import CONTENDERS
from bench.training.rounds import run_module
from nlpstudio.engine import encoders, hardware, seeding, tokenizing
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.rows import CorpusRow
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.spec import TrainParams
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup
from nlpstudio.engine.training import loop, optim
from nlpstudio.engine.training.checkpoint import Checkpoints
from nlpstudio.engine.training.meter import SaveClock

CORPUS = Path("cluecorpus_small_sample") / "CLUECorpusSmall_bert_sampled.txt"
SETTING = {"architecture": "mini", "length": 128, "batch_size": 32, "vocabulary": 8000, "steps": 12}
PRECISIONS = {"ours": None, "ours-fp32": "fp32", "run_mlm": "fp32", "run_mlm-bf16": "bf16"}
"""The contenders; None is what the product's probe chooses on this machine."""


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    if args.child:
        print(json.dumps(_measure(json.load(sys.stdin))))
        return 0
    setting = {name: getattr(args, name) for name in SETTING}
    run(args.text or args.data / CORPUS, setting, rounds=args.rounds)
    report.write()
    return 0


def run(text: Path, setting: dict[str, Any], *, rounds: int, name: str = "") -> None:
    """Interleaved rounds, each beginning with another contender; they are kept when all are done."""
    facts = machine.describe()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        import_file(text, home / "dataset", ImportOptions(task="pretraining"))
        spec = tokenizing.TokenizerSpec(vocabulary=setting["vocabulary"])
        tokenizing.train(home / "dataset", spec, home / "tokenizer")
        found, names = [], _contenders()
        for number in range(rounds):
            shift = number % len(names)
            order = {**setting, "home": folder}
            found.append({who: _child({**order, "who": who}) for who in [*names[shift:], *names[:shift]]})
            rates = {who: round(reading["tokens_per_cpu"]) for who, reading in found[-1].items()}
            print(f"round {number + 1}, tokens per CPU-second: {rates}", file=sys.stderr, flush=True)
    report.RESULTS.mkdir(exist_ok=True)
    values = {"machine": facts, "setting": setting, "text": text.name, "rounds": found}
    path = report.RESULTS / f"pretraining-{setting['architecture']}-{setting['length']}{name}.json"
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _contenders() -> list[str]:
    """Those that this machine is made for: bf16 is left out where it would take hours."""
    fast = hardware.choose(1).precision
    return [who for who, precision in PRECISIONS.items() if precision in (None, "fp32", fast)]


def _child(order: dict[str, Any]) -> dict[str, Any]:
    contender = CONTENDERS["ours" if order["who"].startswith("ours") else "trainer"]
    out = run_module("bench.pretraining", "--child", environment=contender.environment(1), given=json.dumps(order))
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _measure(order: dict[str, Any]) -> dict[str, Any]:
    torch.set_num_threads(1)
    home = Path(order["home"])
    rows = [row for row in DatasetFolder.open(home / "dataset").rows("train") if isinstance(row, CorpusRow)]
    params = TrainParams(
        objective="mlm", architecture=order["architecture"], max_length=order["length"], batch_size=order["batch_size"],
        masking="token", short_share=0.0, epochs=1, learning_rate=1e-3, warmup_ratio=0.0, weight_decay=0.0, threads=1,
    )  # fmt: skip
    setup = Setup(labels=(), max_length=order["length"], params=params)
    seeding.seed_everything(1)
    model = building.build(TASKS["pretraining"], home / "tokenizer", setup)
    clock = Clock()
    chosen = hardware.choose(1, precision=PRECISIONS[order["who"]])
    with clock.on(model, building.load_tokenizer(home / "tokenizer").pad_token_id):
        train = _ours if order["who"].startswith("ours") else _recipe
        train(model, rows, setup, home, order["steps"] + WARM_UP, chosen)
    timed = clock.timed()
    rate = timed.real / timed.cpu
    return {"tokens_per_cpu": rate, "cpu_seconds": timed.cpu, "tokens": timed.real, "precision": chosen.precision}


def _ours(model: Any, rows: list[CorpusRow], setup: Setup, home: Path, steps: int, chosen: hardware.Hardware) -> None:
    task, tokenizer = TASKS["pretraining"], building.load_tokenizer(home / "tokenizer")
    examples = [
        each
        for at in range(0, len(rows), 1000)
        for each in task.encode(rows[at : at + 1000], tokenizer, setup, first=at).examples
    ]
    depth_of = optim.depths(model, model.base_model_prefix)
    with tempfile.TemporaryDirectory() as work:
        training = loop.Training(
            task=task, model=model, encoder=encoders.choose(model), optimizer=optim.adamw(model, depth_of, setup.params),
            setup=setup, hardware=chosen, train=examples[: steps * setup.params.batch_size], validation=None,
            checkpoints=Checkpoints(Path(work), job="bench"), clock=SaveClock(after=float("inf")),
        )  # fmt: skip
        for _event in loop.train(training):
            pass


def _recipe(model: Any, rows: list[CorpusRow], setup: Setup, home: Path, steps: int, chosen: hardware.Hardware) -> None:
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments

    tokenizer = building.load_tokenizer(home / "tokenizer")
    tokenized = tokenizer([line for row in rows for line in row.lines], return_special_tokens_mask=True)
    size = setup.max_length
    joined = {key: list(chain.from_iterable(tokenized[key])) for key in ("input_ids", "special_tokens_mask")}
    count = len(joined["input_ids"]) // size
    blocks = [{key: values[at * size : (at + 1) * size] for key, values in joined.items()} for at in range(count)]
    with tempfile.TemporaryDirectory() as work:
        options = TrainingArguments(
            output_dir=work, per_device_train_batch_size=setup.params.batch_size, learning_rate=1e-3, max_steps=steps,
            use_cpu=True, bf16=chosen.precision == "bf16", save_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
        Trainer(model=model, args=options, train_dataset=blocks, data_collator=collator).train()


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pretraining", description=__doc__)
    data = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(data), help="the folder of the data sets")
    parser.add_argument("--text", type=Path, help="another corpus: text with an empty line between documents")
    for name, value in SETTING.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
