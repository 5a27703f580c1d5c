"""Seconds from a job given to its first optimizer step, by a waiting process and by a new one: `python -m bench.warm_start`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import machine
from bench.training import models
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from tests.tiny import tiny_base_model

ENGINE = [sys.executable, "-m", "nlpstudio.engine", "run"]
SECONDS_TO_WARM_UP = 60.0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.warm_start", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/sst2/train.tsv"), help="text⇥label")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args(arguments)
    print(machine.words(machine.describe()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = args.data.read_text(encoding="utf-8").splitlines(keepends=True)[: args.rows + 1]
        (folder / "rows.tsv").write_text("".join(lines), encoding="utf-8")
        import_file(folder / "rows.tsv", folder / "dataset", ImportOptions(task="classification"))
        for model, base in (("tiny", tiny_base_model(folder / "tiny")), ("minilm", models.folder_of("minilm"))):
            for warm in (True, False):
                taken = [_seconds(folder, base, f"{model}-{warm}-{i}", warm=warm) for i in range(args.rounds)]
                listed = ", ".join(f"{seconds:.2f}" for seconds in taken)
                print(f"{model}, {'waiting' if warm else 'new'} process: {statistics.median(taken):.2f} s ({listed})")
    return 0


def _seconds(folder: Path, base_model: Path, name: str, *, warm: bool) -> float:
    """One start; the process is ended at its first step."""
    path = folder / f"{name}.json"
    spec = TrainSpec(task="classification", base_model=base_model.name, params=TrainParams(epochs=1))
    places = {"work": folder / name / "work", "out": folder / name / "out"}
    Job(spec=spec, dataset=folder / "dataset", base_model=base_model, **places).write(path)
    environment = {**os.environ, **child_environment(0)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    began = time.monotonic()
    with subprocess.Popen([*ENGINE, "-" if warm else str(path)], text=True, env=environment, **pipes) as child:
        assert child.stdin is not None and child.stdout is not None
        if warm:
            _wait_until_idle(child.pid)
            began = time.monotonic()
            child.stdin.write(f"{path}\n")
            child.stdin.flush()
        for line in child.stdout:
            if json.loads(line)["kind"] == "step":
                break
        taken = time.monotonic() - began
        child.kill()
    return taken


def _wait_until_idle(pid: int) -> None:
    """Until the process sleeps on its input and has used no processor time for a second."""
    used, since, end = -1, time.monotonic(), time.monotonic() + SECONDS_TO_WARM_UP
    while time.monotonic() - since < 1.0 or used == 0:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        now = int(fields[11]) + int(fields[12])
        if now != used or fields[0] != "S":
            used, since = now, time.monotonic()
        if time.monotonic() > end:
            raise TimeoutError("the process did not come to rest")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
