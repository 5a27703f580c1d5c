"""A model in a process of its own: killed or hung, it takes neither the worker nor another model with it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import psutil
import pytest

from nlpstudio.engine.errors import BaseModelRefused, UnsuitableInput
from nlpstudio.engine.inference.pool import LOST_MOST, KeepsCrashing, Pool
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.inference.process import ModelLost, ProcessPredictor, prepare
from tests.published import Train, trained

__all__ = ["trained"]

TEXT = "the film was good 这家酒店好 🙂"


@pytest.fixture(scope="module")
def processes() -> BaseContext:
    return prepare()


class Models:
    """A pool of two models in processes, and the processes that were ever started."""

    def __init__(self, root: Path, processes: BaseContext) -> None:
        self.started: list[ProcessPredictor] = []
        self._context = processes
        self.pool = Pool(root, self._load, budget_bytes=1 << 40)

    def _load(self, folder: Path, *, engine: str) -> ProcessPredictor:
        self.started.append(ProcessPredictor(self._context, folder, engine=engine))
        return self.started[-1]

    def ask(self, name: str, inputs: Any = TEXT) -> Any:
        return self.pool.submit(name, inputs, {}, seconds=60).result(60)


@pytest.fixture
def models(trained: Train, tmp_path: Path, processes: BaseContext) -> Iterator[Models]:
    for name in ("a", "b"):
        shutil.copytree(trained("classification").out / "model", tmp_path / name)
    made = Models(tmp_path, processes)
    yield made
    made.pool.close()


def test_it_answers_as_the_predictor_does_and_lives_through_errors(
    trained: Train, processes: BaseContext, tmp_path: Path
) -> None:
    folder = trained("classification").out / "model"
    model = ProcessPredictor(processes, folder, engine="auto")
    assert model.predict([TEXT], {"top_k": 1}) == Predictor.load(folder).predict([TEXT], {"top_k": 1})
    with pytest.raises(UnsuitableInput, match="text is empty"):
        model.predict([" "], {})
    assert model.predict(TEXT, {})
    model.close()
    assert not psutil.pid_exists(model.pid)
    with pytest.raises(BaseModelRefused):
        ProcessPredictor(processes, tmp_path / "nothing", engine="auto")


def test_a_killed_model_fails_its_request_and_nothing_else(models: Models) -> None:
    assert models.ask("a") == models.ask("b")
    stopped = models.started[0].pid
    os.kill(stopped, signal.SIGSTOP)
    hanging = [models.pool.submit("a", TEXT, {}, seconds=60) for _ in range(3)]
    assert models.ask("b"), "a model that hangs holds no other up"
    os.kill(stopped, signal.SIGKILL)
    for each in hanging:
        with pytest.raises(ModelLost):
            each.result(60)
    assert models.ask("b") == models.ask("a"), "the next request starts another process"
    assert len(models.started) == 3


def test_a_model_that_is_lost_again_and_again_is_left_alone_for_a_while(models: Models) -> None:
    for _ in range(LOST_MOST):
        models.ask("a")
        os.kill(models.started[-1].pid, signal.SIGKILL)
        with pytest.raises(ModelLost):
            models.ask("a")
    with pytest.raises(KeepsCrashing, match="within a minute"):
        models.ask("a")
    assert models.ask("b")


def test_a_model_that_leaves_gives_its_memory_back(models: Models) -> None:
    models.ask("a")
    models.pool._budget = 0
    models.ask("b")
    assert not psutil.pid_exists(models.started[0].pid)


def test_a_process_explains_as_well(trained: Train, processes: BaseContext) -> None:
    process = ProcessPredictor(processes, trained("classification").out / "model", engine="torch", role="explains")
    answer = process.predict(["good film"], {"target": {"label": "positive"}})
    assert [each["end"] for each in answer["words"]["text"]] == [4, 9]
    process.close()
