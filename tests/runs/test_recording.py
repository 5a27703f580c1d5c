"""How the words of a process become rows."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from nlpstudio.runs import leases
from nlpstudio.runs.leases import Lease, LeaseLost
from nlpstudio.runs.models import Run, RunEvent
from nlpstudio.runs.recording import Recorder
from nlpstudio.runs.states import State
from tests.runs import trainer


@pytest.fixture
def recorder(run: Run) -> Recorder:
    claimed = leases.claim("a worker")
    assert claimed is not None
    return Recorder(claimed, Lease(run_id=claimed.pk, fence=claimed.fence))


def line(event: object, at: float) -> bytes:
    return json.dumps({"at": at, **event.to_json()}).encode()  # type: ignore[attr-defined]  # every event has it


def test_steps_that_come_faster_than_four_a_second_are_thinned_out(recorder: Recorder) -> None:
    recorder.take([line(trainer.prepared(), 999.0)])
    recorder.take([line(trainer.step(n), 1000 + n * 0.05) for n in range(1, 21)])
    kept = list(RunEvent.objects.filter(kind="step").values_list("step", flat=True))
    assert kept == [1, 6, 11, 16]
    assert Run.objects.get().state == State.RUNNING


def test_numbers_that_json_does_not_know_are_stored_as_nothing(recorder: Recorder) -> None:
    words = line(trainer.step(1), 1.0).replace(b'"loss": 1.0', b'"loss": NaN')
    assert recorder.take([words])
    assert RunEvent.objects.get(kind="step").payload["loss"] is None


def test_a_number_that_is_too_large_for_any_is_stored_as_nothing(recorder: Recorder) -> None:
    words = line(trainer.step(1), 1.0).replace(b'"loss": 1.0', b'"loss": 1e999')
    assert recorder.take([words])
    assert RunEvent.objects.get(kind="step").payload["loss"] is None


def test_half_a_character_in_the_reason_of_a_failure_does_not_hide_it(recorder: Recorder) -> None:
    """The name of a file may hold one; PostgreSQL keeps none, and no database in a text."""
    words = {"kind": "failed", "code": "x" * 80, "message": "no such file: a\udce4b \U0001f600", "hint": ""}
    recorder.take([json.dumps(words).encode()])
    assert recorder.closing is not None
    recorder.close(recorder.closing)
    run = Run.objects.get()
    assert (run.error_message, run.error_code) == ("no such file: a?b \U0001f600", "x" * 60)


def test_a_nul_in_a_message_does_not_reach_the_database(recorder: Recorder) -> None:
    recorder.take([b'{"kind": "warning", "code": "x", "message": "a\\u0000b"}'])
    assert RunEvent.objects.get(kind="warning").payload["message"] == "ab"


@pytest.mark.parametrize(
    "words",
    [
        b'{"kind": "step", "step": -1}',
        b'{"kind": "unheard of"}',
        b"{" * 100_000,
        b'{"kind": "evaluated", "step": 1, "epoch": 1, "split": "test", "metrics": {"f1": "high"}}',
        b'{"kind": "saved", "step": 1, "best": true, "at": 1e300}',
        b'{"kind": "saved", "step": 1e3, "best": true}',
        b'{"kind": "saved", "step": 2147483648, "best": true}',
    ],
)
def test_what_is_no_event_is_left_out_and_told_once(recorder: Recorder, words: bytes) -> None:
    assert not recorder.take([words])
    assert not recorder.take([words])
    assert RunEvent.objects.get().payload["code"] == "run.unreadable_output"


def test_the_best_is_that_of_the_validation_split(recorder: Recorder) -> None:
    def evaluated(step: int, split: str, score: float) -> bytes:
        metrics = {"macro_f1": score}
        return json.dumps({"kind": "evaluated", "step": step, "epoch": 1, "split": split, "metrics": metrics}).encode()

    recorder.take([evaluated(1, "validation", 0.8), evaluated(2, "validation", 0.7), evaluated(2, "test", 0.9)])
    run = Run.objects.get()
    assert (run.best, run.best_split) == ({"macro_f1": 0.8}, "validation")
    assert (run.metrics, run.metrics_split) == ({"macro_f1": 0.9}, "test")


def test_a_lost_lease_stores_no_event(recorder: Recorder, make_run: Callable[..., Run]) -> None:
    Run.objects.update(fence=5)
    with pytest.raises(LeaseLost):
        recorder.take([line(trainer.prepared(), 1.0)])
    assert not RunEvent.objects.exists()
