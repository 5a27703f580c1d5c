"""Wake-up calls to open pages: losing one costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest

from nlpstudio.core import live


def refusing(words: str) -> Callable[[threading.Thread], None]:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError(words)

    return start


def test_a_machine_that_refuses_a_thread_costs_the_call_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(threading.Thread, "start", refusing("can't start new thread"))
    live.announce("run", uuid4())
    assert "could not announce run" in caplog.text


def test_another_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", refusing("threads can only be started once"))
    with pytest.raises(RuntimeError, match="only be started once"):
        live.announce("run", uuid4())
