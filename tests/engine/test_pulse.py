"""Work that has no event to tell says that it goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nlpstudio.engine import pulse
from nlpstudio.engine.pulse import Pulse
from nlpstudio.engine.training import evaluate
from tests.engine.cast import training


@pytest.fixture
def beating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulse:
    monkeypatch.setattr(pulse, "SECONDS", 0.0)
    found = Pulse()
    found.begin(tmp_path / "work")
    os.utime(tmp_path / "work" / pulse.FILE, (1, 1))
    return found


def test_a_beat_renews_the_time_of_the_file_but_not_too_often(
    beating: Pulse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "work" / pulse.FILE
    beating.beat()
    assert file.stat().st_mtime > 1
    os.utime(file, (1, 1))
    monkeypatch.setattr(pulse, "SECONDS", 3600.0)
    beating.beat()
    assert file.stat().st_mtime == 1


def test_nothing_is_touched_before_it_begins_and_a_lost_file_is_no_failure(beating: Pulse, tmp_path: Path) -> None:
    Pulse().beat()
    (tmp_path / "work" / pulse.FILE).unlink()
    beating.beat()
    assert not (tmp_path / "work" / pulse.FILE).exists()


def test_an_evaluation_beats(beating: Pulse, base_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "PULSE", beating)
    run = training("classification", base_model, tmp_path / "run")
    evaluate.logits_of(run.encoder, run.model, run.train, run.hardware)
    assert (tmp_path / "work" / pulse.FILE).stat().st_mtime > 1
