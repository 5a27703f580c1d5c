"""A run that dies at any moment, torn writes included, ends with the weights of the run that was left alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.training.killing import Victim, language_model
from tests.engine.training.mortal import Mortal

EACH = 20  # of the points of death; bench/kills.py takes them all
RANDOM_MOMENTS = 20


@pytest.fixture(scope="module")
def process() -> Iterator[Mortal]:
    with Mortal() as warm:
        yield warm


@pytest.fixture(scope="module")
def victim(process: Mortal, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    return Victim(tmp_path_factory.mktemp("victim"), process)


def test_the_same_run_twice_has_the_same_bytes_and_steps(victim: Victim) -> None:
    before = victim.alone
    victim.clear()
    again = victim.resume()
    assert again["finished"]["weights_sha256"] == before["finished"]["weights_sha256"]
    assert again["calls"] == before["calls"]
    assert {"fsync", "rename", "serialize_file", "unlink"} <= set(before["calls"])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_death_at_a_call_on_the_disk(victim: Victim) -> None:
    for at in range(random.Random(7).randint(1, EACH), len(victim.alone["calls"]) + 1, EACH):
        death = victim.kill({"at": at})
        assert death.fired, at
        assert not death.wrong, (at, victim.alone["calls"][at - 1], death)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_death_at_any_moment_even_twice(victim: Victim) -> None:
    moments = random.Random(11)
    lasted, resumed, died = victim.alone["seconds"], 0, 0
    for number in range(3 * RANDOM_MOMENTS):
        times = 1 + number % 2
        seconds = moments.uniform(0.05, 0.9) * lasted / times
        death = victim.kill(*[{"seconds": seconds, "save_after": 0.0}] * times)
        assert not death.wrong, (seconds, death)
        resumed += death.resumed_from > 0
        died += death.fired
        if died == RANDOM_MOMENTS:
            break
        if not death.fired:  # it was quicker than the one left alone: the next moments lie before its end
            lasted = min(lasted, seconds * times)
    assert died == RANDOM_MOMENTS
    assert resumed > 0


def test_a_file_torn_in_the_middle_of_a_write(victim: Victim) -> None:
    sizes = [
        path.stat().st_size for path in [*victim.job.work.rglob("*"), *victim.job.out.rglob("*")] if path.is_file()
    ]
    for size in (100, max(sizes) // 2, max(sizes) - 1):
        death = victim.kill({"size": size})
        assert death.fired, size
        assert not death.wrong, (size, death)


def test_a_pre_training_that_is_killed_in_mid_run_ends_in_the_same_bytes(process: Mortal, tmp_path: Path) -> None:
    """Killed while it writes its third checkpoint, within an epoch, and again when it has gone on and writes another."""
    victim = Victim(tmp_path, process, language_model)
    writes = [at for at, name in enumerate(victim.alone["calls"], 1) if name == "serialize_file"]  # three a checkpoint
    death = victim.kill({"at": writes[6]}, {"at": writes[3]})
    assert death.fired
    assert death.resumed_from > 0
    assert not death.wrong, death
