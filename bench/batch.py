"""How fast a file of short rows is predicted, in how much memory, and whether a SIGKILL loses or repeats any; prints JSON.

    python -m bench.batch [--rows N] [--seconds S] [--kills K] [--model all-minilm-l6-v2] [--engine int8]

The rows are answered by a classifier of the shelf's MiniLM (its head is random: that costs the same) in a process of
the engine, on one thread, as the io worker starts it. `--seconds` stops the clock early and reports the share done.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench import machine
from bench.ingest import WORDS
from nlpstudio.engine import manifest, shelf
from nlpstudio.engine.batch.journal import PART_FILE, progress_of
from nlpstudio.engine.batch.order import RESULT_FILE, Order, Result
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.export import exporting
from nlpstudio.engine.inference import engines
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.tasks.base import Setup

LABELS = ("negative", "neutral", "positive")
WORDS_A_ROW = (4, 14)
ROOT = Path(__file__).resolve().parents[1]


def write_rows(path: Path, rows: int) -> None:
    """Short numbered texts, the same on every machine."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as out:
        out.write("id\ttext\n")
        for number in range(rows):
            out.write(f"{number}\t{' '.join(rng.choices(WORDS, k=rng.randint(*WORDS_A_ROW)))}\n")


def make_model(base_model: str, folder: Path) -> Path:
    """An artifact with a random head on real weights."""
    base, task = shelf.path_of(base_model), TASKS["classification"]
    building.build(task, base, Setup(labels=LABELS, max_length=128)).save_pretrained(folder)
    building.load_tokenizer(base).save_pretrained(folder)
    manifest.write(folder, {"task": "classification", "labels": list(LABELS), "max_length": 128})
    return folder


def start(order: Order) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **child_environment(1), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nlpstudio.engine", "batch", str(order.write()), "--die-with-parent"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


def peak_mib(process: subprocess.Popen[bytes]) -> int:
    """The largest resident size of a living process."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return next((int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Processor time of a process so far; 0 when it has just ended."""
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def measure(order: Order, *, seconds: float, kills: int) -> dict[str, Any]:
    """Run the order to its end or for so many seconds, killing it `kills` times on the way."""
    began, peak, done_kills, spent = time.monotonic(), 0, 0, 0.0
    process = start(order)
    rates: list[float] = []
    kill_at = 0
    last = 0.0
    while process.poll() is None:
        time.sleep(0.2)
        peak = max(peak, peak_mib(process))
        now = cpu_seconds(process)
        spent, last = spent + max(0.0, now - last), now
        progress = progress_of(order.work)
        if progress is not None and progress.rate:
            rates.append(progress.rate)
            kill_at = kill_at or progress.total // (kills + 1)
            if done_kills < kills and progress.rows >= kill_at * (done_kills + 1):
                process.kill()
                process.wait()
                done_kills += 1
                process = start(order)
                last = 0.0
        if time.monotonic() - began > seconds:
            process.kill()
            process.wait()
    progress = progress_of(order.work)
    return {
        "rows": progress.rows if progress else 0,
        "of": progress.total if progress else 0,
        "rows_per_s": rates[-1] if rates else 0,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(spent, 1),
        "rows_per_cpu_s": round((progress.rows if progress else 0) / max(spent, 1e-9), 1),
        "peak_mib": peak,
        "kills": done_kills,
        "in_order": in_order(order),
    }


def in_order(order: Order) -> bool:
    """Whether every row that is answered is there once and in its place, also in a result that is not whole yet."""
    path = order.out / RESULT_FILE
    is_whole = path.exists()
    answered = order.work / PART_FILE
    if is_whole:
        answered = order.out / Result.from_json(json.loads(path.read_text(encoding="utf-8"))).file
    with order.source.open("rb") as source, answered.open("rb") as answers:
        whole = (line for line in answers if line.endswith(b"\n"))  # the last may have been cut off
        pairs = zip(source, whole, strict=is_whole)
        return all(answer.startswith(line.rstrip(b"\n") + b"\t") for line, answer in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--kills", type=int, default=1)
    parser.add_argument("--model", default="all-minilm-l6-v2")
    parser.add_argument("--engine", default=engines.TORCH, choices=engines.ENGINES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "rows.tsv"
        write_rows(source, given.rows)
        model = make_model(given.model, folder / "model")
        if given.engine != engines.TORCH:
            exporting.export(model, model / engines.FOLDER)
        order = Order(
            task="classification",
            model=model,
            engine=given.engine,
            source=source,
            name=source.name,
            work=folder / "work",
            out=folder / "out",
        )
        found = measure(order, seconds=given.seconds, kills=given.kills)
    print(json.dumps({"machine": machine.describe(), "model": given.model, "engine": given.engine, **found}, indent=1))


if __name__ == "__main__":
    main()
