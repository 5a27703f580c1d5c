"""A killed process goes on where it was: nothing lost, nothing twice, and little memory for many rows."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nlpstudio.engine.batch import running
from nlpstudio.engine.batch.journal import PART_FILE, InUse, Journal, progress_of
from nlpstudio.engine.batch.order import FAILED_FILE, RESULT_FILE, Order, Result
from nlpstudio.engine.batch.running import COMMIT_SECONDS
from nlpstudio.engine.environment import child_environment
from nlpstudio.engine.inference.predictor import Predictor
from tests.engine.batch.conftest import MakeOrder
from tests.tiny import sentiment_lines

ROOT = Path(__file__).parents[3]


def many(rows: int) -> str:
    """Numbered rows with some empty lines and some bad ones between."""
    texts = [text for text, _ in sentiment_lines(60)]
    lines = [f"{number}\t{texts[number % 60]}" if number % 97 else f"{number}" for number in range(rows)]
    return "id\ttext\n" + "".join(f"{line}\n{os.linesep * (at % 50 == 3)}" for at, line in enumerate(lines))


class Broken(Exception):
    """Stands for a kill inside this process."""


class _Mortal:
    """A predictor that dies after some calls."""

    def __init__(self, folder: Path, calls: int) -> None:
        self._inner = Predictor.load(folder)
        self.setup = self._inner.setup
        self._left = calls

    def predict(self, inputs: Any, parameters: Any = None) -> Any:
        if not self._left:
            raise Broken
        self._left -= 1
        return self._inner.predict(inputs, parameters)


def content_of(order: Order) -> bytes:
    result = Result.from_json(json.loads((order.out / RESULT_FILE).read_text(encoding="utf-8")))
    return (order.out / result.file).read_bytes()


def test_work_broken_off_after_each_number_of_chunks_ends_in_the_same_bytes(
    order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "CHUNK_ROWS", 8)
    monkeypatch.setattr(running, "COMMIT_SECONDS", 0)
    given = order(many(200))
    running.run(given)
    whole = content_of(given)
    (given.out / RESULT_FILE).unlink()
    next(given.out.iterdir()).unlink()
    (given.work / "journal.json").unlink()
    for calls in (0, 1, 3, 2, 5):
        with pytest.raises(Broken):
            running.run(given, load=lambda folder, *, engine, calls=calls: _Mortal(folder, calls))  # type: ignore[arg-type,misc]  # answers like a predictor
        assert not (given.out / RESULT_FILE).exists() and not list(given.out.iterdir())
        with (given.work / PART_FILE).open("ab") as part:
            part.write(b"a chunk that was never committed")
    assert running.run(given).rows == 200
    assert content_of(given) == whole
    assert len(whole.splitlines()) == len(many(200).splitlines())


def test_a_kill_between_the_move_and_the_result_is_no_harm(order: MakeOrder) -> None:
    given = order(many(30))
    result = running.run(given)
    whole = content_of(given)
    (given.out / RESULT_FILE).unlink()
    assert running.run(given) == result and content_of(given) == whole


def test_work_of_another_order_is_not_continued(order: MakeOrder) -> None:
    running.run(order("text\nbad\nbad\n"))
    given = order("text\ngood\n")
    assert running.run(given).rows == 1
    assert len(content_of(given).splitlines()) == 2


def test_two_processes_never_write_at_once(order: MakeOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpstudio.engine.batch.journal.LOCK_SECONDS", 0.1)
    given = order("text\ngood\n")
    with Journal(given.work, given.key()), pytest.raises(InUse):
        running.run(given)


def child(order: Order) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **child_environment(1), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "nlpstudio.engine", "batch", str(order.write()), "--die-with-parent"]
    return subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_kills_at_random_moments_lose_nothing_and_repeat_nothing(order: MakeOrder) -> None:
    rows = 80_000
    given = order(many(rows))
    rng, kills, seen = random.Random(5), 0, 0
    deadline = time.monotonic() + 240
    while kills < 3:
        process = child(given)
        while process.poll() is None and time.monotonic() < deadline:
            progress = progress_of(given.work)
            if progress is not None and progress.rows > seen:
                break
            time.sleep(0.01)
        time.sleep(rng.random() * COMMIT_SECONDS)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
        progress = progress_of(given.work)
        assert progress is not None and progress.rows >= seen
        seen = progress.rows
    assert kills >= 2 and child(given).wait() == 0
    lines = [line.split("\t") for line in content_of(given).decode().splitlines()]
    ids = [int(line[0]) for line in lines[1:] if line != [""]]
    assert ids == list(range(rows))
    assert [line[0] for line in lines] == [line.split("\t")[0] for line in many(rows).splitlines()]
    assert sum(bool(line[-1]) for line in lines[1:] if line != [""]) == len(range(0, rows, 97))


def peak_of(process: subprocess.Popen[bytes]) -> int:
    """The largest resident size in MiB of a process, until it ends."""
    peak = 0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM"):
                peak = int(line.split()[1]) >> 10
        time.sleep(0.1)
    return peak


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(order: MakeOrder) -> None:
    peaks = []
    for rows in (2_000, 50_000):
        process = child(order(many(rows)))
        peaks.append(peak_of(process))
        assert process.wait() == 0
    assert peaks[0] > 0 and peaks[1] - peaks[0] < 60


def test_a_process_says_in_words_why_it_cannot(order: MakeOrder) -> None:
    given = order(b"\x89PNG\r\n\x1a\n" + b"\x00" * 100)
    assert child(given).wait() == 1
    failed = json.loads((given.work / FAILED_FILE).read_text(encoding="utf-8"))
    assert failed["code"] == "data.unreadable" and "a picture" in failed["message"] and failed["hint"]
