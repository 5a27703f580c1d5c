"""What a training process may do, and what becomes of its run and of the next one."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.engine.job import Job
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs import child, execution, leases, leftovers, outcome, services, wiring
from nlpstudio.runs.models import Run, RunEvent
from nlpstudio.runs.states import State
from tests.runs.conftest import trainer, work
from tests.studio import until


def kinds(run: Run) -> list[str]:
    return list(run.events.values_list("kind", flat=True))


def test_a_run_that_goes_well_ends_finished_with_a_model(run: Run) -> None:
    done = work("well")
    assert done.state == State.FINISHED
    assert done.ended_at is not None
    assert done.model_version is not None
    assert done.weights_sha256 == done.model_version.weights_sha256
    assert (done.metrics["accuracy"], done.metrics_split) == (0.9, "test")
    assert (done.best["accuracy"], done.best_split) == (0.9, "validation")
    assert done.environment["torch"] == "none"
    assert (done.progress, done.step, done.total_steps, done.eta_s) == (1.0, 8, 8, None)
    assert kinds(done) == ["prepared", *["step", "evaluated", "saved"] * 8, "finished"]
    assert list(done.events.values_list("seq", flat=True)) == list(range(1, 27))
    assert (done.model_version.folder / "model" / "manifest.json").exists()
    assert {path.name for path in done.folder.iterdir()} == {"job.json", "log.txt"}


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("killed", "engine.out_of_memory"),
        ("segfault", "run.crashed"),
        ("silent exit", "run.no_artifact"),
        ("no model", "run.no_artifact"),
        ("liar", "run.no_artifact"),
        ("damaged", "artifact.damaged"),
        ("garbage", "run.no_artifact"),
        ("out of memory", "engine.out_of_memory"),
        ("traceback", "run.crashed"),
    ],
)
def test_a_bad_end_is_told_in_words_and_the_next_run_starts(
    make_run: Callable[..., Run], behaviour: str, code: str
) -> None:
    first, second = make_run(), make_run()
    failed = work(behaviour)
    assert (failed.pk, failed.state, failed.error_code) == (first.pk, State.FAILED, code)
    assert failed.error_message
    assert failed.error_hint
    assert kinds(failed)[-1] == "failed"
    assert ModelVersion.objects.count() == 0
    assert (work("well").pk, Run.objects.get(pk=second.pk).state) == (second.pk, State.FINISHED)


def test_a_process_that_says_nothing_is_ended_and_its_run_fails(run: Run, settings: object) -> None:
    settings.HANG_SECONDS = 1  # type: ignore[attr-defined]  # pytest-django's wrapper
    started: list[subprocess.Popen[bytes]] = []
    claimed = leases.claim("a worker")
    assert claimed is not None
    begun = time.monotonic()
    execution.drive(claimed, start=trainer("hang", started))
    run.refresh_from_db()
    assert (run.state, run.error_code) == (State.FAILED, "run.hung")
    assert time.monotonic() - begun < 10
    assert started[0].returncode == -9


def test_a_process_that_judges_for_long_is_left_alone(run: Run, settings: object) -> None:
    settings.HANG_SECONDS = 3  # type: ignore[attr-defined]  # pytest-django's wrapper
    done = work("judging long")
    assert done.state == State.FINISHED


def test_it_is_left_alone_after_a_stop_too(run: Run, editor: User, settings: object) -> None:
    settings.STOP_GRACE_SECONDS = 3  # type: ignore[attr-defined]  # pytest-django's wrapper
    stopper = after_step(run, 2, lambda fresh: services.stop(run=fresh, by=editor))
    stopped = drive_in_the_open("judging long", stopper)
    assert stopped.state == State.STOPPED
    assert stopped.model_version is not None


def test_a_flood_is_harmless(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "LOG_BYTES", 1 << 20)
    failed = work("flood")
    assert (failed.state, failed.error_code) == (State.FAILED, "run.no_artifact")
    log = run.folder / "log.txt"
    assert 1 << 18 <= log.stat().st_size <= (1 << 20) + child.READ_BYTES
    assert run.events.count() == 2  # one warning, one failure


def test_words_of_a_library_on_standard_output_do_not_end_a_run(run: Run) -> None:
    done = work("chatty")
    assert done.state == State.FINISHED
    assert done.events.get(kind="warning").payload["code"] == "run.unreadable_output"


def test_stopping_keeps_the_best_and_resuming_goes_on(run: Run, editor: User) -> None:
    stopper = after_step(run, 2, lambda fresh: services.stop(run=fresh, by=editor))
    stopped = drive_in_the_open("slow", stopper)
    assert stopped.state == State.STOPPED
    first = stopped.model_version
    assert first is not None
    assert 2 <= stopped.step < 8
    assert stopped.progress == stopped.step / 8

    services.resume(run=stopped, by=editor)
    finished = work("well")
    assert (finished.pk, finished.state, finished.step) == (run.pk, State.FINISHED, 8)
    assert finished.events.filter(kind="prepared").last().payload["resumed_from"] == stopped.step  # type: ignore[union-attr]
    steps = list(finished.events.filter(kind="step").values_list("step", flat=True))
    assert steps == list(range(1, 9))
    assert finished.model_version is not None
    assert finished.model_version.pk != first.pk


def after_step(run: Run, number: int, act: Callable[[Run], None]) -> Callable[[], None]:
    """Act once the run has made so many steps; called in every turn of the loop, as another person would."""
    acted: list[bool] = []

    def look() -> None:
        fresh = Run.objects.get(pk=run.pk)
        if fresh.step >= number and not acted:
            acted.append(True)
            act(fresh)

    return look


def drive_in_the_open(behaviour: str, look: Callable[[], None]) -> Run:
    def never_leave() -> bool:
        look()
        return False

    return work(behaviour, should_leave=never_leave)


def test_cancelling_ends_the_process_within_two_seconds_and_discards_its_files(run: Run, editor: User) -> None:
    cancelled_at: list[float] = []

    def cancel(fresh: Run) -> None:
        services.cancel(run=fresh, by=editor)
        cancelled_at.append(time.monotonic())

    cancelled = drive_in_the_open("slow", after_step(run, 1, cancel))
    assert time.monotonic() - cancelled_at[0] < 2
    assert cancelled.state == State.CANCELLED
    assert cancelled.lease_until is None
    assert not (run.folder / "work").exists()
    assert (run.folder / "log.txt").exists()
    assert ModelVersion.objects.count() == 0


def test_a_process_that_does_not_stop_is_ended_after_its_grace(run: Run, editor: User, settings: object) -> None:
    settings.STOP_GRACE_SECONDS = 1  # type: ignore[attr-defined]  # pytest-django's wrapper
    failed = drive_in_the_open("unstoppable", after_step(run, 1, lambda fresh: services.stop(run=fresh, by=editor)))
    assert (failed.state, failed.error_code) == (State.FAILED, "run.not_stopping")


def test_a_worker_that_is_shut_down_gives_the_run_back_without_counting_an_attempt(run: Run) -> None:
    steps: list[int] = []

    def leave_after_two_steps() -> bool:
        steps.append(Run.objects.get(pk=run.pk).step)
        return steps[-1] >= 2

    queued = work("slow", should_leave=leave_after_two_steps)
    assert (queued.state, queued.attempt, queued.lease_until) == (State.QUEUED, 0, None)
    finished = work("well")
    assert (finished.state, finished.attempt) == (State.FINISHED, 1)
    prepared = finished.events.filter(kind="prepared").last()
    assert prepared is not None
    assert prepared.payload["resumed_from"] >= 1


def test_a_stale_fence_writes_nothing_and_its_process_ends(run: Run) -> None:
    """Another worker has the run: the first one must notice and leave without a trace."""
    taken: list[int] = []

    def another_takes_it() -> bool:
        fresh = Run.objects.get(pk=run.pk)
        if fresh.step >= 1 and not taken:
            Run.objects.filter(pk=run.pk).update(fence=fresh.fence + 1, lease_owner="another worker")
            taken.append(RunEvent.objects.count())
        return False

    left = work("slow", should_leave=another_takes_it)
    assert (left.state, left.lease_owner) == (State.RUNNING, "another worker")
    assert RunEvent.objects.count() == taken[0]


def test_a_stop_asked_before_the_worker_was_lost_is_heeded_by_the_next(make_run: Callable[..., Run]) -> None:
    make_run(stop_requested=True)
    stopped = work("slow")
    assert stopped.state == State.STOPPED
    assert stopped.model_version is not None


def test_a_missing_base_model_that_cannot_be_fetched_fails_in_words(make_run: Callable[..., Run]) -> None:
    run = make_run()
    spec = {**run.spec, "base_model": "no-such-model"}
    Run.objects.filter(pk=run.pk).update(spec=spec, base_model="no-such-model")
    failed = work("well")
    assert (failed.state, failed.error_code) == (State.FAILED, "base_model.missing")


def test_the_child_gets_no_secret(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "planted")
    monkeypatch.setenv("DATABASE_URL", "planted")
    monkeypatch.setenv("STUDIO_ADMIN_PASSWORD", "planted")
    assert "planted" not in wiring._environment(1).values()


def test_two_claims_at_once_get_two_runs(make_run: Callable[..., Run]) -> None:
    first, second = make_run(), make_run()
    assert [run.pk for run in (leases.claim("a"), leases.claim("b")) if run] == [first.pk, second.pk]
    assert leases.claim("c") is None


@pytest.mark.django_db(transaction=True)
def test_ten_doorbells_at_once_start_a_run_once(run: Run) -> None:
    taken: list[tuple[Run | None]] = []

    def answer() -> None:
        taken.append(until(claimed, 30, "the database lets the claim through"))
        connection.close()

    def claimed() -> tuple[Run | None] | None:
        try:
            return (leases.claim("worker"),)
        except OperationalError:  # SQLite in memory refuses at once where a file would let one wait
            return None

    threads = [threading.Thread(target=answer) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 10
    assert len([one for (one,) in taken if one]) == 1
    run.refresh_from_db()
    assert (run.attempt, run.fence) == (1, 1)


def test_a_machine_that_refuses_what_a_run_needs_is_told_from_a_full_disk(run: Run) -> None:
    claimed = leases.claim("a worker")
    assert claimed is not None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def start_with_no_file_left(job: Job, folder: Path) -> subprocess.Popen[bytes]:
        lowest = os.open(os.devnull, os.O_RDONLY)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            return trainer("well")(job, folder)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    execution.drive(claimed, start=start_with_no_file_left)
    claimed.refresh_from_db()
    assert (claimed.state, claimed.error_code) == (State.FAILED, "run.no_process")
    assert "Too many open files" in claimed.error_message and "limits" in claimed.error_hint


def test_a_file_that_is_gone_is_told_from_a_full_disk() -> None:
    gone = FileNotFoundError(errno.ENOENT, "No such file or directory", "/shelf/all-minilm/config.json")
    failed = outcome.trouble(gone)
    assert failed.code == "run.file_gone"
    assert "config.json" in failed.message and "/shelf" not in failed.message


def test_what_a_dead_worker_left_of_a_run_that_is_over_is_swept_away(run: Run, editor: User) -> None:
    claimed = leases.claim("a worker that dies here")
    assert claimed is not None
    for part in leftovers.PARTS:
        (claimed.folder / part).mkdir(parents=True)
    services.cancel(run=claimed, by=editor)
    leftovers.sweep()
    assert (claimed.folder / "work").exists()  # its worker may live and write until its lease would have ended
    Run.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    leftovers.sweep()
    assert not list(claimed.folder.iterdir())


def test_checkpoints_of_a_run_that_can_be_resumed_are_kept(run: Run) -> None:
    failed = work("out of memory")
    Run.objects.update(ended_at=timezone.now() - timedelta(hours=1))
    leftovers.sweep()
    assert (failed.folder / "work").exists()


class Death(BaseException):
    """What a kill is to the code: nothing after it is done."""


def at(words: str, act: Callable[[], None]) -> Any:
    """Do something right after the first statement with these words."""
    done: list[bool] = []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if words in sql and not done:
            done.append(True)
            act()
        return result

    return connection.execute_wrapper(watch)


def kept_models() -> set[str]:
    folder = Path(django_settings.FILES_ROOT) / "models"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_run_whose_worker_dies_while_its_model_is_published_has_one_model_in_the_end(run: Run, editor: User) -> None:
    def stop_after_two_steps() -> bool:
        now = Run.objects.get(pk=run.pk)
        if now.step >= 2 and now.state == State.RUNNING:
            services.stop(run=now, by=editor)
        return False

    def die() -> None:
        raise Death

    with at('INSERT INTO "registry_modelversion"', die), pytest.raises(Death):
        work("slow", should_leave=stop_after_two_steps)
    assert not ModelVersion.objects.exists() and len(kept_models()) == 1
    Run.objects.update(lease_until=timezone.now() - timedelta(hours=1))
    assert not leases.reap() and leases.reap()
    done = work("well")  # with other weights: it goes on from a later step
    assert done.state in (State.STOPPED, State.FINISHED)
    assert [str(version.pk) for version in ModelVersion.objects.all()] == [str(done.model_version_id)]
    assert kept_models() == {str(done.model_version_id)}


def test_a_run_that_is_cancelled_while_its_model_is_published_leaves_no_model(run: Run, editor: User) -> None:
    with at('SET "artifact_id"', lambda: services.cancel(run=Run.objects.get(pk=run.pk), by=editor)):
        cancelled = work("well")
    assert cancelled.state == State.CANCELLED
    assert not ModelVersion.objects.exists() and not kept_models()
