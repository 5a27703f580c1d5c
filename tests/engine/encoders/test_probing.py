"""The probe of products says the same on a busy machine, however many threads the process has."""

from __future__ import annotations

import subprocess
import sys

import torch

from nlpstudio.engine.encoders import probing
from nlpstudio.engine.environment import usable_cpus

BUSY = [sys.executable, "-c", "while True: pass"]
COMMAND = """
import torch
from nlpstudio.engine.encoders import probing
from nlpstudio.engine.environment import usable_cpus
a = torch.ones(512, 512)
found = []
for threads in (1, usable_cpus()):
    torch.set_num_threads(threads)
    found += probing.rates([lambda: a @ a])
print(*found, torch.get_num_threads())
"""


def test_threads_that_wait_for_each_other_do_not_count() -> None:
    others = [subprocess.Popen(BUSY) for _each in range(2 * usable_cpus())]
    try:
        done = subprocess.run([sys.executable, "-c", COMMAND], env={}, capture_output=True, text=True, check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    one, several, left = map(float, done.stdout.split())
    assert several > 0.6 * one
    assert left == usable_cpus()


def test_the_fastest_call_has_the_highest_rate() -> None:
    small, large = torch.ones(64, 64), torch.ones(512, 512)
    rates = probing.rates([lambda: small @ small, lambda: large @ large])
    assert rates[0] > rates[1]
