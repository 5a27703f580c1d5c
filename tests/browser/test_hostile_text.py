"""A few of the hostile texts in every field and in live messages: nothing runs. `python -m bench.xss` tries them all."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.hostile import payloads
from tests.browser.hunting import hunt_all
from tests.flows.program import Program

FEW = 16


@pytest.mark.timeout(600)
def test_hostile_text_is_shown_and_never_runs(browser: Browser, program: Program):
    every = payloads()
    assert len(every) >= 300
    found = hunt_all(program.studio, browser, every[:: len(every) // FEW][:FEW], details=2)
    assert found.seen > 8 * FEW
    assert found.effects == []
