"""What every task must keep: it learns, repeats itself, survives being saved, and resumes exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.events import Saved, Step
from nlpstudio.engine.tasks import TASKS, building
from nlpstudio.engine.training import evaluate, loop
from tests.engine.cast import CPU, ROWS, training
from tests.tiny_writers import base_model_for


@pytest.fixture(params=sorted(TASKS))
def task(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


@pytest.fixture
def base_model(task: str, bases: Path) -> Path:
    """One that can do the task."""
    return base_model_for(task, bases)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bases")


def sha256(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.numpy().tobytes())
    return digest.hexdigest()


def losses(run: loop.Training) -> list[float]:
    return [event.loss for event in loop.train(run) if isinstance(event, Step)]


def test_every_task_of_the_catalogue_that_is_trained_has_rows_here() -> None:
    assert set(TASKS) <= set(CATALOGUE)
    assert set(TASKS) == set(ROWS)


def test_it_learns_sixteen_rows_by_heart(task: str, base_model: Path, tmp_path: Path) -> None:
    if task == "pretraining":
        pytest.skip("it masks other words each time; tests/engine/tasks/test_pretraining.py has its own")
    run = training(task, base_model, tmp_path, epochs=40, learning_rate=3e-3, early_stopping=0)
    first, *_, last = losses(run)
    assert last < first / 3
    run.checkpoints.restore_weights(run.progress.best_step, run.model)
    assert run.validation is not None
    report = evaluate.score(run.task, run.encoder, run.model, run.validation, run.setup, CPU)
    assert report["rows"] == 16
    assert report["metrics"]["token_accuracy" if CATALOGUE[task].writes else CATALOGUE[task].best_by] == 1.0


def test_the_same_seed_gives_the_same_losses_and_another_seed_others(
    task: str, base_model: Path, tmp_path: Path
) -> None:
    again = [losses(training(task, base_model, tmp_path / name, seed=7)) for name in ("one", "two")]
    other = losses(training(task, base_model, tmp_path / "three", seed=8))
    assert again[0] == again[1]
    assert again[0] != other


def test_a_saved_and_loaded_model_predicts_the_same(task: str, base_model: Path, tmp_path: Path) -> None:
    run = training(task, base_model, tmp_path)
    list(loop.train(run))
    run.model.save_pretrained(tmp_path / "model")
    loaded = building.load(run.task, tmp_path / "model")
    ours = evaluate.logits_of(run.encoder, run.model, run.train, CPU)
    encoder = building.encoder(run.task, loaded, building.load_tokenizer(base_model))
    theirs = evaluate.logits_of(encoder, loaded, run.train, CPU)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_killed_run_resumes_to_the_same_weights(
    task: str, base_model: Path, tmp_path: Path, killed_after: int
) -> None:
    whole = training(task, base_model, tmp_path / "whole")
    list(loop.train(whole))

    killed = training(task, base_model, tmp_path / "work", save_each_step=True)
    events, saved = loop.train(killed), 0
    for event in events:
        saved += isinstance(event, Saved)
        if saved == killed_after and isinstance(event, Step):
            break  # steps were made after the last checkpoint, and are lost
    events.close()

    resumed = training(task, base_model, tmp_path / "work")
    checkpoint = resumed.checkpoints.latest()
    assert checkpoint is not None
    assert checkpoint.progress.step == killed_after
    resumed.checkpoints.restore(checkpoint, model=resumed.model, optimizer=resumed.optimizer, encoder=resumed.encoder)
    resumed.progress = checkpoint.progress
    list(loop.train(resumed))
    assert sha256(resumed.model) == sha256(whole.model)
    assert resumed.progress.best_step == whole.progress.best_step
