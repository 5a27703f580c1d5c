"""Runs whose worker fell silent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from nlpstudio.runs import execution, leases
from nlpstudio.runs.leases import Lease, LeaseLost
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import FINAL, LEASED, MOVES, State
from tests.runs.conftest import work


def fall_silent(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_silent_worker_loses_its_run_which_is_shown_as_lost_then_queued_and_resumes(run: Run) -> None:
    held = leases.claim("worker 1")
    assert held is not None
    assert not leases.reap()
    fall_silent(run)
    leases.reap()
    run.refresh_from_db()
    assert run.state == State.LOST
    assert leases.reap(), "it waits now, so the bell is rung"
    run.refresh_from_db()
    assert run.state == State.QUEUED
    assert [event.payload["code"] for event in run.events.all()] == ["run.lost", "run.requeued"]
    finished = work("well")
    assert (finished.state, finished.attempt) == (State.FINISHED, 2)
    with pytest.raises(LeaseLost):
        Lease(run_id=run.pk, fence=held.fence).extend()


def test_a_worker_that_comes_back_while_its_run_is_lost_writes_nothing(run: Run) -> None:
    held = leases.claim("worker 1")
    assert held is not None
    fall_silent(run)
    leases.reap()
    with pytest.raises(LeaseLost):
        Lease(run_id=run.pk, fence=held.fence).extend()


def test_a_run_that_is_lost_three_times_fails_in_words(run: Run) -> None:
    for _ in range(3):
        assert leases.claim("worker") is not None
        fall_silent(run)
        leases.reap()
        leases.reap()
    run.refresh_from_db()
    assert (run.state, run.error_code, run.attempt) == (State.FAILED, "run.lost", 3)
    assert run.events.last().kind == "failed"  # type: ignore[union-attr]  # there is one
    assert leases.claim("worker") is None


def test_a_living_lease_is_left_alone(run: Run) -> None:
    held = leases.claim("worker")
    assert held is not None
    Lease(run_id=run.pk, fence=held.fence).extend()
    leases.reap()
    run.refresh_from_db()
    assert run.state == State.PREPARING


@pytest.mark.parametrize("old", list(State))
@pytest.mark.parametrize("new", list(State))
def test_only_moves_of_the_table_are_made(make_run: Callable[..., Run], old: State, new: State) -> None:
    now = timezone.now()
    run = make_run(state=old, ended_at=now if old in FINAL else None, lease_until=now if old in LEASED else None)
    moved = run.move(new, **({"lease_until": now} if new in LEASED else {}))
    assert moved == (new in MOVES[old])
    run.refresh_from_db()
    assert run.state == (new if moved else old)


def test_a_run_that_is_purged_while_a_worker_has_it_leaves_nothing(run: Run) -> None:
    claimed = leases.claim("a worker")
    assert claimed is not None
    (claimed.folder / "work").mkdir(parents=True)
    Run.objects.filter(pk=run.pk).delete()
    execution.drive(claimed, start=lambda _job, _folder: pytest.fail("nothing may be started"))
    assert not claimed.folder.exists()
