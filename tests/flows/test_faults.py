"""Parts of a running studio are killed in the middle of a run: it goes on, or says in words why not, and is never stuck."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import httpx
import psutil
import pytest

from tests.flows.program import OVER, PATIENCE_SECONDS, Program
from tests.studio import END_SECONDS, LEASE_SECONDS, until
from tests.tiny import sentiment_lines

pytestmark = pytest.mark.timeout(400)
LOST_WITHIN_SECONDS = 60
LONG = {"epochs": 400, "early_stopping": 0, "learning_rate": 1e-4}
"""Half a minute at most on a quiet machine: long enough to be killed in."""


@pytest.fixture(scope="module")
def version(program: Program) -> str:
    return str(program.upload("classification", [("text", "label"), *sentiment_lines(400)])["id"])


def only(found: list[psutil.Process]) -> psutil.Process:
    assert len(found) == 1, found
    return found[0]


def warnings(program: Program, run: str) -> list[str]:
    return [event["code"] for event in program.events(run) if event["kind"] == "warning"]


def test_a_training_process_that_is_killed_fails_its_run_in_words_and_it_can_be_resumed(
    program: Program, version: str
) -> None:
    run = program.start(version, **LONG)
    program.in_mid_run(run)
    trainer(program).kill()
    failed = program.ended(run)
    assert failed["state"] == "failed" and failed["error"]["message"] and failed["error"]["hint"], failed
    program.api.post(f"runs/{run}/resume").raise_for_status()
    program.in_mid_run(run)
    again = [event for event in program.events(run) if event["kind"] == "prepared"]
    assert len(again) == 2 and again[1]["resumed_from"] > 0
    program.api.post(f"runs/{run}/stop").raise_for_status()
    stopped = program.ended(run)
    assert stopped["state"] == "stopped" and stopped["model_version"]
    seqs = [event["seq"] for event in program.events(run)]
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_run_whose_whole_worker_is_killed_is_seen_lost_in_time_and_goes_on_from_its_checkpoint(
    program: Program, version: str, record_property: Callable[[str, object], None]
) -> None:
    run = program.start(version, **LONG)
    before = program.in_mid_run(run)
    worker = only([each for each in program.studio.processes("-Q train") if each.ppid() == studio_pid(program)])
    for process in [worker, *worker.children(recursive=True)]:
        process.kill()
    lease_ended = time.monotonic() + LEASE_SECONDS  # at the latest
    until(lambda: program.run(run)["state"] == "lost", LEASE_SECONDS + LOST_WITHIN_SECONDS, "the run is seen as lost")
    waited = max(0.0, time.monotonic() - lease_ended)
    record_property("seconds from the end of the lease until the run is lost", round(waited, 1))
    assert waited < LOST_WITHIN_SECONDS
    until(lambda: program.run(run)["attempt"] == 2, PATIENCE_SECONDS, "another worker takes the run")
    program.in_mid_run(run)
    last = [event for event in program.events(run) if event["kind"] == "prepared"][-1]
    assert last["resumed_from"] > 0 and before["step"] > 0
    assert {"run.lost", "run.requeued"} <= set(warnings(program, run))
    program.api.post(f"runs/{run}/stop").raise_for_status()
    assert program.ended(run)["state"] == "stopped"


def test_a_run_that_waits_while_the_broker_is_killed_still_runs(program: Program, version: str) -> None:
    long = program.start(version, **LONG)
    waiting = program.start(version, epochs=1)
    program.in_mid_run(long)
    assert program.run(waiting)["state"] == "queued" and program.run(waiting)["queue_position"] == 1
    only(program.studio.processes("valkey.sock")).kill()
    program.api.post(f"runs/{long}/stop").raise_for_status()
    assert program.ended(long)["state"] == "stopped"
    assert program.ended(waiting)["state"] == "finished"


def test_a_studio_that_is_killed_leaves_no_process_and_goes_on_where_it_was(program: Program, version: str) -> None:
    run = program.start(version, **LONG)
    program.in_mid_run(run)
    assert program.studio.process is not None
    program.studio.process.kill()
    program.studio.process.wait()
    until(lambda: not program.studio.processes(), END_SECONDS, "every child is gone")
    program.studio.start()
    until(lambda: program.run(run)["state"] == "running", PATIENCE_SECONDS, "the run is taken up again")
    program.in_mid_run(run)
    assert [event for event in program.events(run) if event["kind"] == "prepared"][-1]["resumed_from"] > 0
    program.api.post(f"runs/{run}/cancel").raise_for_status()
    assert program.ended(run)["state"] == "cancelled"


def test_nobody_is_refused_while_web_and_serve_are_restarted(program: Program) -> None:
    version = program.finished("classification")["model_version"]
    headers = {**program.api.headers, "Connection": "close"}  # a new connection each time, as new visitors have
    answers: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answers.append(httpx.get(f"{program.api.base_url}me", headers=headers, timeout=60).status_code)

    threads = [threading.Thread(target=ask) for _number in range(2)]
    for thread in threads:
        thread.start()
    for words in ("config.web", "manage.py serve"):
        process = program.studio.processes(words)[0]
        process.terminate()
        until(lambda process=process: not process.is_running(), END_SECONDS, f"{words} ends")  # type: ignore[misc]
        answer = program.api.post(f"model-versions/{version}/predict", json={"inputs": "the film was good"})
        assert answer.status_code == 200, answer.text
        assert program.studio.processes(words)[0].pid != process.pid
    over.set()
    for thread in threads:
        thread.join()
    assert answers and set(answers) == {200}


def test_nothing_is_left_in_a_state_of_work(program: Program) -> None:
    runs = program.get(f"projects/{program.project}/runs")["results"]
    assert runs and {run["state"] for run in runs} <= set(OVER)


def trainer(program: Program) -> psutil.Process:
    """The process that trains: the one of the engine's that is busy, not the spare that waits."""
    found = program.studio.processes("nlpstudio.engine run")
    return max(found, key=lambda each: each.cpu_times().user)


def studio_pid(program: Program) -> int:
    assert program.studio.process is not None
    return program.studio.process.pid
