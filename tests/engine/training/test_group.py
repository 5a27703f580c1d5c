"""A run over two processes: the same as one, and ended as one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.torch import load_file
from transformers import AutoConfig

from nlpstudio.engine import manifest
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import group
from nlpstudio.engine.training.group import Group
from tests.tiny import tiny_base_model, write_sentiment_tsv

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
PARAMS = {"learning_rate": 1e-3, "batch_size": 8, "max_length": 32, "threads": 1, "early_stopping": 0}


@pytest.fixture(scope="module")
def steady_base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model without dropout: what is left is what the processes compute."""
    folder = tiny_base_model(tmp_path_factory.mktemp("models") / "steady")
    config = AutoConfig.from_pretrained(folder)
    config.hidden_dropout_prob = 0.0
    config.save_pretrained(folder)
    return folder


def job_file(folder: Path, base_model: Path, **params: Any) -> Path:
    folder.mkdir(parents=True)
    write_sentiment_tsv(folder / "rows.tsv", 60)
    import_file(folder / "rows.tsv", folder / "dataset", ImportOptions(task="classification"))
    spec = TrainSpec(task="classification", base_model="tiny", params=TrainParams(**{**PARAMS, **params}))
    places = {"work": folder / "work", "out": folder / "out"}
    Job(spec=spec, dataset=folder / "dataset", base_model=base_model, **places).write(folder / "job.json")
    return folder / "job.json"


def environment() -> dict[str, str]:
    return {**os.environ, **child_environment(1)}


def course_of(command: list[str], job: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*command, "-m", "tests.engine.training.together", str(job)],
        capture_output=True, text=True, env=environment(), timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    course: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return course


def test_two_processes_have_the_losses_and_weights_of_one(tmp_path: Path, steady_base_model: Path) -> None:
    alone = course_of([sys.executable], job_file(tmp_path / "one", steady_base_model, epochs=2))
    both = course_of([*TORCHRUN, "2"], job_file(tmp_path / "two", steady_base_model, epochs=2, devices=2))
    assert len(alone["losses"]) == len(both["losses"]) > 8
    np.testing.assert_allclose(both["losses"], alone["losses"], rtol=1e-4)
    np.testing.assert_allclose(both["scores"], alone["scores"], rtol=1e-4)
    ours, theirs = (load_file(tmp_path / name / "out" / "model" / "model.safetensors") for name in ("two", "one"))
    for name, weight in theirs.items():
        apart = (ours[name] - weight).abs()  # Adam makes much of a gradient that is nothing but rounding
        assert float(apart.mean()) < 0.1 * PARAMS["learning_rate"], name
        assert float(apart.max()) < PARAMS["learning_rate"], name


def test_the_death_of_one_ends_all_and_the_next_goes_on_and_can_be_stopped(tmp_path: Path, base_model: Path) -> None:
    job = job_file(tmp_path / "run", base_model, epochs=500, devices=2)
    command = [sys.executable, "-m", "nlpstudio.engine", "run", str(job)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as launcher:
        until(launcher, "saved")
        (victim,) = [each for each in ranks_of(launcher.pid) if each.environ().get("RANK") == "1"]
        others = ranks_of(launcher.pid)
        victim.send_signal(signal.SIGKILL)
        failed = until(launcher, "failed")
        assert launcher.wait(60) == 1
    assert failed["code"] == "engine.process_lost"
    assert "Process 2 of the 2" in failed["message"]
    assert not [each for each in others if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as launcher:
        assert until(launcher, "prepared")["resumed_from"] > 0
        until(launcher, "step")
        launcher.terminate()
        assert until(launcher, "finished")["environment"]["devices"] == 2
        assert launcher.wait(60) == 0
    manifest.verify(tmp_path / "run" / "out" / "model")


def test_two_processes_that_die_and_go_on_end_in_the_same_bytes(tmp_path: Path, base_model: Path) -> None:
    weights = []
    for name, dies in (("whole", False), ("broken", True)):
        job = job_file(tmp_path / name, base_model, epochs=3, devices=2)
        command = [sys.executable, "-m", "nlpstudio.engine", "run", str(job)]
        if dies:
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as launcher:
                until(launcher, "saved")
                (victim,) = [each for each in ranks_of(launcher.pid) if each.environ().get("RANK") == "0"]
                victim.kill()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as launcher:
            assert (until(launcher, "prepared")["resumed_from"] > 0) == dies
            weights.append(until(launcher, "finished")["weights_sha256"])
    assert weights[0] == weights[1]


REFUSES = """
import os
from pathlib import Path
if os.environ.get("RANK") == "1":
    import torch
    from nlpstudio.engine.encoders import PackedEncoder
    real, saved = PackedEncoder.logits, Path(os.environ["SAVED"])

    def logits(encoder, examples):
        if torch.is_grad_enabled() and any(saved.glob("step-*")) and 30 < sum(map(len, examples)) < 100:
            torch.empty(1 << 60, dtype=torch.uint8)
        return real(encoder, examples)

    PackedEncoder.logits = logits
"""
"""A Python that imports this as `sitecustomize` gives the second process an allocator that refuses after a checkpoint.

What is measured before a run (256 tokens) passes.
"""


def test_when_the_memory_of_one_runs_out_all_go_on_with_half(tmp_path: Path, base_model: Path) -> None:
    job = job_file(tmp_path / "run", base_model, epochs=2, devices=2)
    (tmp_path / "sitecustomize.py").write_text(REFUSES)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    scarce = {**environment(), "PYTHONPATH": path, "SAVED": str(tmp_path / "run" / "work" / "checkpoints")}
    command = [sys.executable, "-m", "nlpstudio.engine", "run", str(job)]
    done = subprocess.run(command, capture_output=True, text=True, env=scarce, timeout=300)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    codes = [event["code"] for event in events if event["kind"] == "warning"]
    assert [code for code in codes if not code.endswith(".unlearnt")] == ["memory.halved"]
    first, second = (event["resumed_from"] for event in events if event["kind"] == "prepared")
    assert first == 0 < second
    assert events[-1]["kind"] == "finished"


def until(launcher: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    """The next event of that kind; the run must not end before."""
    assert launcher.stdout is not None
    for line in launcher.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["kind"] == kind:
            return event
    raise AssertionError(f"ended before it was {kind}")


def ranks_of(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children()


def test_shares_are_disjoint_whole_and_of_like_size() -> None:
    lengths = np.random.default_rng(0).integers(3, 128, 64)
    batch = np.arange(5, 37)
    shares = [Group(rank=rank, size=3).share(batch, lengths) for rank in range(3)]
    assert sorted(index for share in shares for index in share) == batch.tolist()
    tokens = [int(lengths[share].sum()) for share in shares]
    assert max(tokens) - min(tokens) <= lengths.max()


def test_another_number_of_processes_than_devices_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="devices is 2, but 1 processes"):
        group.join(2)
