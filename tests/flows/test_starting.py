"""Starting and ending: everything is kept, nothing stays behind, and what prevents a start is one clear line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.flows.program import Program
from tests.studio import END_SECONDS, Studio, environment, manage
from tests.tiny import write_sentiment_tsv


def test_a_second_start_keeps_everything_and_the_first_leaves_no_process(program: Program) -> None:
    studio = program.studio
    before = everything(program)
    assert {
        name: len(studio.processes(words)) for name, words in (("broker", "valkey.sock"), ("web", "config.web"))
    } == {
        "broker": 1,
        "web": 1,
    }
    seconds = studio.end()
    studio.start()
    assert seconds < END_SECONDS
    assert everything(program) == before
    assert "Password" not in studio.said


def everything(program: Program) -> dict[str, object]:
    """What people would miss."""
    return {
        "me": program.get("me"),
        "projects": program.get("projects"),
        "datasets": program.get(f"projects/{program.project}/datasets"),
        "models": program.get(f"projects/{program.project}/models"),
    }


def said_in_one_line(studio_home: Path, base_models: Path, *command: str) -> str:
    """What a start that cannot be says: one line, no traceback, and an exit code that is not 0."""
    done = manage(*command, env=environment(studio_home, base_models))
    words = (done.stderr + done.stdout).strip().splitlines()
    assert done.returncode != 0 and len(words) == 1, words
    return words[0]


def test_a_port_that_is_in_use_is_said_in_one_line(studio: Studio, tmp_path: Path) -> None:
    said = said_in_one_line(tmp_path / "home", studio.base_models, "studio", "--port", str(studio.port))
    assert str(studio.port) in said and "--port" in said


def test_a_home_that_is_in_use_is_said_in_one_line(studio: Studio) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
    said = said_in_one_line(studio.home, studio.base_models, "studio", "--port", str(other))
    assert "already runs" in said


def test_a_home_that_cannot_be_written_is_said_in_one_line(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")  # root may write into any folder, but into no file
    said = said_in_one_line(tmp_path / "file" / "home", studio.base_models, "studio")
    assert "STUDIO_HOME" in said


@pytest.mark.parametrize("wrong", [["--base-model", "no-such-model"], ["--data", "no-such-file.tsv"]])
def test_a_quickstart_that_cannot_be_is_said_in_one_line(studio: Studio, tmp_path: Path, wrong: list[str]) -> None:
    assert "no-such" in said_in_one_line(tmp_path / "home", studio.base_models, "quickstart", *wrong)


def test_a_quickstart_does_the_main_job_in_the_terminal(studio: Studio, tmp_path: Path) -> None:
    data = write_sentiment_tsv(tmp_path / "tiny.tsv", 120)
    env = environment(tmp_path / "home", studio.base_models)
    done = manage("quickstart", "--data", str(data), "--base-model", "tiny", env=env)
    assert done.returncode == 0, done.stderr
    for words in ("Imported 120 rows", "accuracy", "One prediction:"):
        assert words in done.stdout
    assert list((tmp_path / "home").glob("quickstart/*/result/model/model.safetensors"))
