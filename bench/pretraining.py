"""Pre-training beside transformers' `run_mlm` recipe: `python -m bench.pretraining --text FILE` prints tokens a CPU-second.

Both train a BERT of the same shape with random weights by masked words alone, on the same documents with the same
tokenizer, in fp32 on one thread. The recipe concatenates all texts and cuts them into blocks (no padding), masks with
`DataCollatorForLanguageModeling` and trains with `Trainer`; ours keeps documents apart and packs them.
"""

from __future__ import annotations

import argparse
import json
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


def main(arguments: Sequence[str]) -> int:
    args = _arguments(arguments)
    if args.child:
        print(json.dumps(_measure(json.load(sys.stdin))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        import_file(args.text, home / "dataset", ImportOptions(task="pretraining"))
        tokenizing.train(home / "dataset", tokenizing.TokenizerSpec(vocabulary=args.vocabulary), home / "tokenizer")
        order = {key: getattr(args, key) for key in ("architecture", "length", "batch_size", "steps")}
        rounds = [
            {
                who: _child({**order, "who": who, "home": folder})
                for who in sorted(("ours", "run_mlm"), reverse=number % 2 == 1)
            }
            for number in range(args.rounds)
        ]
    ratios = sorted(each["ours"]["tokens_per_cpu"] / each["run_mlm"]["tokens_per_cpu"] for each in rounds)
    found = {"machine": machine.describe(), "setting": order, "rounds": rounds, "ratio": ratios[len(ratios) // 2]}
    report.RESULTS.mkdir(exist_ok=True)
    name = f"pretraining-{args.architecture}-{args.length}.json"
    (report.RESULTS / name).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for each in rounds:
        print({who: round(reading["tokens_per_cpu"]) for who, reading in each.items()})
    print(f"ours / run_mlm: {found['ratio']:.2f} (tokens a CPU-second, median of {len(ratios)} rounds)")
    return 0


def _child(order: dict[str, Any]) -> dict[str, Any]:
    contender = CONTENDERS["ours" if order["who"] == "ours" else "trainer"]
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
    with clock.on(model, building.load_tokenizer(home / "tokenizer").pad_token_id):
        (_ours if order["who"] == "ours" else _recipe)(model, rows, setup, home, order["steps"] + WARM_UP)
    timed = clock.timed()
    return {"tokens_per_cpu": timed.real / timed.cpu, "cpu_seconds": timed.cpu, "tokens": timed.real}


def _ours(model: Any, rows: list[CorpusRow], setup: Setup, home: Path, steps: int) -> None:
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
            setup=setup, hardware=hardware.Hardware(device=torch.device("cpu"), precision="fp32", threads=1),
            train=examples[: steps * setup.params.batch_size], validation=None,
            checkpoints=Checkpoints(Path(work), job="bench"), clock=SaveClock(after=float("inf")),
        )  # fmt: skip
        for _event in loop.train(training):
            pass


def _recipe(model: Any, rows: list[CorpusRow], setup: Setup, home: Path, steps: int) -> None:
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
            use_cpu=True, save_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
        Trainer(model=model, args=options, train_dataset=blocks, data_collator=collator).train()


def _arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pretraining", description=__doc__)
    parser.add_argument("--text", type=Path, help="a corpus: text with an empty line between documents")
    parser.add_argument("--architecture", default="mini")
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
