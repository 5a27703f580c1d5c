"""The command line, as a person and as the worker use it: real processes, real exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nlpstudio.engine import events, manifest
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from tests.tiny import write_sentiment_tsv

ENGINE = [sys.executable, "-m", "nlpstudio.engine"]
PARAMS = {"epochs": 2, "learning_rate": 3e-3, "threads": 1}


def environment() -> dict[str, str]:
    return {**os.environ, **child_environment(1)}


def engine(*arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [*ENGINE, *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment(), timeout=120)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def trained(
    base_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("cli")
    data = write_sentiment_tsv(folder / "reviews.tsv", 80)
    result = engine(
        "train", "--task", "classification", "--data", data, "--base-model", base_model, "--out", folder / "out",
        "--params", json.dumps(PARAMS),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result


def test_train_says_events_on_one_stream_and_words_on_the_other(
    trained: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, result = trained
    said = lines(result.stdout)
    assert [event["seq"] for event in said] == list(range(1, len(said) + 1))
    assert all(event["at"] > 1.7e9 for event in said)
    kinds = [type(events.from_json(event)) for event in said]
    assert (kinds[0], kinds[-1]) == (events.Prepared, events.Finished)
    assert "finished:" in result.stderr
    assert "Traceback" not in result.stderr
    manifest.verify(folder / "out" / "model")
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["model", "predictions"]


def test_evaluate_and_predict_use_the_model(trained: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, _ = trained
    model = folder / "out" / "model"
    judged = engine("evaluate", "--model", model, "--data", folder / "reviews.tsv")
    assert judged.returncode == 0, judged.stderr
    (report,) = lines(judged.stdout)
    assert report["rows"] == 80
    assert 0 <= report["metrics"]["accuracy"] <= 1
    answered = engine(
        "predict", "--model", model, stdin='the film was good\n{"text": "bad", "text_pair": "film"}\na\tb\n'
    )
    assert answered.returncode == 0, answered.stderr
    assert [len(answer) for answer in lines(answered.stdout)] == [2, 2, 2]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"--params": '{"epochs": 0}'}, "spec.invalid"),
        ({"--params": "{"}, "spec.invalid"),
        ({"--data": "missing.tsv"}, "data.unreadable"),
        ({"--base-model": "no-such-model"}, "base_model.missing"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    base_model: Path, tmp_path: Path, change: dict[str, str], code: str
) -> None:
    options = {
        "--task": "classification",
        "--data": str(write_sentiment_tsv(tmp_path / "reviews.tsv")),
        "--base-model": str(base_model),
        "--out": str(tmp_path / "out"),
        **change,
    }
    result = engine("train", *(word for pair in options.items() for word in pair))
    assert result.returncode == 1
    (failed,) = lines(result.stdout)
    assert (failed["kind"], failed["code"]) == ("failed", code)
    assert result.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in result.stderr


@pytest.fixture
def job(base_model: Path, tmp_path: Path) -> Path:
    source = write_sentiment_tsv(tmp_path / "reviews.tsv", 80)
    import_file(source, tmp_path / "dataset", ImportOptions(task="classification"))
    params = TrainParams(**{**PARAMS, "epochs": 1000, "early_stopping": 0, "batch_size": 4})
    Job(
        spec=TrainSpec(task="classification", base_model="tiny", params=params),
        dataset=tmp_path / "dataset",
        base_model=base_model,
        work=tmp_path / "work",
        out=tmp_path / "out",
    ).write(tmp_path / "job.json")
    return tmp_path / "job.json"


def test_a_warm_process_waits_for_its_job_and_a_polite_signal_keeps_the_best(job: Path) -> None:
    command = [*ENGINE, "run", "-", "--die-with-parent"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{job}\n")
        child.stdin.flush()
        said = [json.loads(child.stdout.readline()) for _ in range(4)]
        child.send_signal(signal.SIGTERM)
        rest, words = child.communicate(timeout=60)
    assert child.returncode == 0, words
    assert said[0]["kind"] == "prepared"
    assert lines(rest)[-1]["kind"] == "finished"
    manifest.verify(job.parent / "out" / "model")


def test_a_training_process_does_not_outlive_the_one_that_started_it(job: Path) -> None:
    command = [*ENGINE, "run", str(job), "--die-with-parent"]
    parent = f"import subprocess; subprocess.run({command!r})"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment()
    ) as killed:
        assert killed.stdout is not None
        assert json.loads(killed.stdout.readline())["kind"] == "prepared"
        killed.kill()
        rest = killed.stdout.read()  # ends when the last process that writes has ended
    assert '"finished"' not in rest


def test_a_warm_process_that_is_not_needed_ends_quietly() -> None:
    result = engine("run", "-", stdin="")
    assert (result.returncode, result.stdout) == (0, "")


def test_help_comes_without_torch_and_an_unknown_command_is_an_error() -> None:
    code = "import sys; from nlpstudio.engine.commands import main; main(['--help']); sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    assert "train" in result.stdout
    assert engine("fly").returncode == 2
