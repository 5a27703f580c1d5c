"""The loop stops when asked, waits no longer than told, refuses NaN, and keeps the best."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from nlpstudio.engine.encoders import PaddedEncoder
from nlpstudio.engine.errors import NotANumber
from nlpstudio.engine.events import Evaluated, Saved, Step
from nlpstudio.engine.training import loop
from nlpstudio.engine.training.meter import Meter
from tests.engine.cast import training


def test_a_stop_in_mid_epoch_keeps_what_there_is(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path)
    run.stop = lambda: run.progress.step == 2
    kinds = [type(event) for event in loop.train(run)]
    assert kinds == [Step, Step, Evaluated, Saved]
    assert run.progress.best_step == 2
    run.checkpoints.restore_weights(2, run.model)


def test_a_stop_after_an_evaluation_keeps_the_best_at_once(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path)
    run.stop = lambda: run.progress.step == 5
    events = list(loop.train(run))
    assert isinstance(events[-1], Step)
    assert run.progress.best_step == 4


def test_patience_ends_the_run_and_a_resumed_run_knows_it(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path, epochs=50, learning_rate=1e-8, early_stopping=2)
    judged = [event for event in loop.train(run) if isinstance(event, Evaluated)]
    assert len(judged) == 3
    assert run.progress.best_step == 4
    assert list(loop.train(run)) == []


def test_without_validation_the_lowest_training_loss_is_kept(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path, epochs=6, learning_rate=3e-3, validated=False)
    events = list(loop.train(run))
    assert not [event for event in events if isinstance(event, Evaluated)]
    assert run.progress.best_step > 4
    assert run.progress.best_value is not None


def test_a_loss_that_is_no_number_ends_the_run_in_words(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path)
    with torch.no_grad():
        run.model.get_input_embeddings().weight.fill_(float("nan"))
    with pytest.raises(NotANumber, match="step 1") as raised:
        list(loop.train(run))
    assert "learning rate" in raised.value.hint


def test_the_micro_batch_changes_memory_and_not_the_result(base_model: Path, tmp_path: Path) -> None:
    runs = [
        training("classification", base_model, tmp_path / str(size), micro_batch=size, label_smoothing=0.1)
        for size in (0, 1)
    ]
    for run in runs:
        run.encoder.hidden_dropout = run.model.dropout.p = 0.0  # type: ignore[attr-defined]  # draws differ in order
    one, other = ([event.loss for event in loop.train(run) if isinstance(event, Step)] for run in runs)
    assert one == pytest.approx(other, rel=1e-4)


def test_an_architecture_without_a_packed_path_resumes_exactly_too(base_model: Path, tmp_path: Path) -> None:
    def padded(folder: str) -> loop.Training:
        run = training("classification", base_model, tmp_path / folder, attention_dropout=0.1, save_each_step=True)
        run.encoder = PaddedEncoder(run.model)
        return run

    whole = padded("whole")
    list(loop.train(whole))
    events = loop.train(padded("work"))
    for event in events:
        if isinstance(event, Saved):
            break
    events.close()
    resumed = padded("work")
    checkpoint = resumed.checkpoints.latest()
    assert checkpoint is not None
    resumed.checkpoints.restore(checkpoint, model=resumed.model, optimizer=resumed.optimizer, encoder=resumed.encoder)
    resumed.progress = checkpoint.progress
    list(loop.train(resumed))
    for one, other in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_step_events_come_at_most_four_a_second(base_model: Path, tmp_path: Path) -> None:
    run = training("classification", base_model, tmp_path)
    run.meter = Meter()
    steps = [(time.monotonic(), event) for event in loop.train(run) if isinstance(event, Step)]
    assert all(later - earlier >= 0.25 for (earlier, _), (later, _) in pairwise(steps))
    assert steps[-1][1].step == 8  # the last step waits for its turn
    assert steps[-1][1].eta_s == 0
