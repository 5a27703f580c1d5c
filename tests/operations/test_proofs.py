"""The proofs of `bench` still prove something: a small part of each, as the command that people run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.studio import OURS, ROOT

pytestmark = pytest.mark.timeout(300)


def bench(*command: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=kept, capture_output=True, text=True, timeout=280
    )


def test_faults_fire_and_the_promises_hold() -> None:
    done = bench("bench.faults", "--only", "R7", "R9", "--times", "1", "--deliveries", "50")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("1 tried, 1 fired, 1 held") == 2


def test_teams_share_the_workers_evenly() -> None:
    done = bench("bench.fairness", "--many", "4", "--each", "2", "--teams", "3")
    told = json.loads(done.stdout)
    assert told["late_team"]["ended_before_b"] == 1, told
    assert sorted(told["shares"]["order"][:3]) == ["C", "D", "E"], told


def test_the_planted_faults_still_fit_the_tree() -> None:
    done = bench("bench.seeded_faults", "--check")
    assert done.returncode == 0, done.stdout
