"""People follow one run while others click: every message arrives, in order, and everybody sees the end."""

from __future__ import annotations

import argparse
import asyncio

import pytest

from bench.viewers import watch
from tests.studio import Studio

pytestmark = pytest.mark.timeout(400)


def test_every_viewer_gets_every_message_in_order_and_sees_the_end(studio: Studio) -> None:
    wish = argparse.Namespace(viewers=8, pages=2, users=2, pause=0.2, events=15, pace=5.0, idle=0.0)
    figures = asyncio.run(watch(studio, wish))
    assert figures["delivered"] == 1.0 and figures["in_order"] == 8, figures
    assert (figures["saw_the_end"], figures["pages_saw_the_end"]) == (8, 2), figures
    assert figures["clicks"] > 0 and figures["clicks_failed"] == 0, figures
