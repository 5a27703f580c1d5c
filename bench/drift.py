"""What eight bits change: `python -m bench.drift` fine-tunes a head of each task on real rows and puts it before the gate.

A classifier, a tagger and an answerer are trained on MiniLM with the product's defaults, exported, and compared on held-out
rows, as after a run. Kept is each export's report; with `--keep FOLDER` the models too, each with its `onnx/`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import machine, report
from bench.training import data, data_set, models
from nlpstudio.engine.export import exporting
from nlpstudio.engine.inference import engines
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import session

MODEL = "minilm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The rows of a head and how it is trained."""

    title: str
    data: str
    rows: int
    epochs: int
    learning_rate: float
    max_length: int


HEADS: Mapping[str, Head] = {
    "classification": Head(
        title="SST-2, 6,000 rows", data="sst2", rows=6000, epochs=2, learning_rate=1e-4, max_length=128
    ),
    "ner": Head(
        title="WikiANN en, 6,000 sentences", data="wikiann", rows=6000, epochs=3, learning_rate=2e-4, max_length=128
    ),
    "qa": Head(title="XQuAD en, 900 questions", data="xquad", rows=900, epochs=8, learning_rate=1e-4, max_length=384),
}
HELD_OUT = 1000


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.drift", description=__doc__)
    source = os.environ.get("STUDIO_BENCH_DATA", "../shared/data")
    parser.add_argument("--data", type=Path, default=Path(source), help="the folder of the data sets")
    parser.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--keep", type=Path, help="a folder for the models")
    args = parser.parse_args(arguments)
    path = report.RESULTS / "serving-drift.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["heads"] if path.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name in args.heads:
            kept[name] = _judged(HEADS[name], args.data, Path(args.keep or folder) / name)
            print(json.dumps(kept[name]), flush=True)
            path.write_text(
                json.dumps({"machine": machine.describe(), "heads": kept}, indent=1) + "\n", encoding="utf-8"
            )
    report.write()
    return 0


def _judged(head: Head, source: Path, home: Path) -> dict[str, Any]:
    """The export's report of a head that is trained into `home`."""
    rows = data.load(head.data, source, train=head.rows, validation=HELD_OUT)
    data_set.write(rows, home / "data")
    params = TrainParams(
        epochs=head.epochs, learning_rate=head.learning_rate, max_length=head.max_length, batch_size=16, threads=1
    )
    job = Job(
        spec=TrainSpec(task=rows.task, base_model=MODEL, params=params),
        dataset=home / "data",
        base_model=models.folder_of(MODEL),
        work=home / "work",
        out=home / "out",
    )
    deque(session.run(job), maxlen=0)
    model = home / "out" / "model"
    found = exporting.export(model, model / engines.FOLDER, rows=rows.validation, split="given")
    return {"head": f"{head.title}, {head.epochs} epochs", "report": found}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
