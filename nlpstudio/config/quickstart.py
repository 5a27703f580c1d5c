"""The main job in a terminal: import, fine-tune, evaluate, predict, each with its progress."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nlpstudio.engine import shelf
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainSpec

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to train on which file, and where to leave the result."""

    spec: TrainSpec
    data: Path
    folder: Path


def run(plan: Plan, say: Say) -> dict[str, float]:
    """Do the whole job and return the final metrics. Raises `EngineError` in words when a step fails."""
    base_model = shelf.fetch(plan.spec.base_model, progress=lambda words: say(f"  {words}"))
    dataset = _import(plan, say)
    job = Job(
        spec=plan.spec,
        dataset=dataset.path,
        base_model=base_model,
        work=plan.folder / "work",
        out=plan.folder / "result",
        name="Quickstart",
    )
    job.work.mkdir(parents=True)
    job.write(plan.folder / "job.json")
    started = time.monotonic()
    finished = _train(plan.folder / "job.json", say)
    say(f"Trained in {time.monotonic() - started:.0f} s; the model is in {job.out / 'model'}.")
    split = "test" if "test" in finished["metrics"] else "validation"
    metrics: dict[str, float] = finished["metrics"][split]
    say(f"Scores on the {split} rows: " + ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
    _predict(job.out / "model", next(iter(dataset.rows(split))), say)
    return metrics


def _import(plan: Plan, say: Say) -> DatasetFolder:
    with tqdm(desc="Importing", total=100, unit="%", leave=False) as bar:

        def progress(rows: int, share: float) -> None:
            bar.update(round(share * 100) - bar.n)
            bar.set_postfix(rows=rows)

        target = plan.folder / "dataset"
        report = import_file(
            plan.data, target, ImportOptions(task=plan.spec.task), name=plan.data.name, progress=progress
        )
    info = report.info
    parts = ", ".join(f"{count} {split}" for split, count in info.splits.items())
    say(f"Imported {info.rows} rows ({parts}); {info.problem_count} problems.")
    return DatasetFolder.open(target)


def _train(job_file: Path, say: Say) -> dict[str, Any]:
    """Run the training process and draw its events. Returns the finished event."""
    with tqdm(desc="Fine-tuning", unit="step", leave=False) as bar:
        for event in _events(job_file):
            if event["kind"] == "prepared":
                bar.total = event["steps"]
                say(f"Training on {event['device']} with {event['threads']} threads, {event['path']} batches.")
            elif event["kind"] == "step":
                bar.update(event["step"] - bar.n)
                bar.set_postfix(loss=f"{event['loss']:.3f}", eta=f"{event['eta_s']:.0f}s")
            elif event["kind"] == "evaluated":
                scores = ", ".join(f"{name} {value:.3f}" for name, value in event["metrics"].items())
                tqdm.write(f"  epoch {event['epoch']:.0f}, {event['split']}: {scores}")
            elif event["kind"] == "warning":
                tqdm.write(f"  note: {event['message']}")
            elif event["kind"] == "failed":
                raise EngineError(event["message"], hint=event["hint"])
            elif event["kind"] == "finished":
                return event
    raise EngineError("The training process ended without a result.", hint="Its messages stand above.")


def _events(job_file: Path) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "nlpstudio.engine", "run", str(job_file), "--die-with-parent"]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=child_environment()
    )
    assert child.stdout is not None
    try:
        for line in child.stdout:
            yield json.loads(line)
    finally:
        child.stdout.close()
        child.terminate()
        child.wait()


def _predict(model: Path, row: Row, say: Say) -> None:
    record = row.to_record()
    text = record.get("text") or {"question": record["question"], "context": record["context"]}
    command = [sys.executable, "-m", "nlpstudio.engine", "predict", "--model", str(model)]
    line = json.dumps(text, ensure_ascii=False) if isinstance(text, dict) else text.replace("\n", " ")
    answer = subprocess.run(command, input=line + "\n", capture_output=True, text=True, env=child_environment())
    if answer.returncode:
        raise EngineError("The finished model could not predict.", hint=answer.stderr[-500:])
    say(f"One prediction: {line[:120]}\n  {answer.stdout.strip()[:400]}")
