"""What all commands say and hear: results on standard output, words on standard error, a request to stop."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import IO, Any

from tqdm import tqdm
from transformers.utils import logging as transformers_logging

from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.events import Evaluated, Event, Failed, Finished, Prepared, Step, Warned

SHOWN_METRICS = 3
SECONDS_ON_SCREEN = 0.1
SECONDS_IN_A_LOG = 10.0


def own_standard_output() -> IO[str]:
    """Keep standard output for results alone: whatever libraries print goes to standard error."""
    sys.stdout.flush()
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return results


def quiet_libraries() -> None:
    """No progress bars and load reports of transformers: the events say it."""
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()


def stop_on_signal() -> Callable[[], bool]:
    """Take SIGTERM and Ctrl-C as the wish to stop and keep the best; a second Ctrl-C ends at once."""
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return lambda: bool(asked)


def say(words: str) -> None:
    """One line for people."""
    tqdm.write(words, file=sys.stderr)


def complain(error: EngineError) -> int:
    """Tell of an error in one line. Returns the exit code."""
    say(f"error: {error.message}{'. ' + error.hint if error.hint else ''} [{error.code}]")
    return 1


def fail(error: EngineError, out: IO[str]) -> int:
    """Tell of an error on both streams. Returns the exit code."""
    _Writer(out).write(Failed.of(error))
    return complain(error)


def follow(events: Iterable[Event], out: IO[str], *, quiet: bool = False) -> int:
    """Write each event as a line of JSON and show people how far it is. Returns the exit code.

    When `quiet`, only how it failed is written.
    """
    writer, progress = _Writer(out), _Progress()
    try:
        for event in events:
            if not quiet:
                writer.write(event)
                progress.show(event)
    except EngineError as error:
        progress.close()
        writer.write(Failed.of(error))
        return complain(error)
    finally:
        progress.close()
    return 0


class _Writer:
    """Numbers the events from 1 and gives each its time (seconds since 1970)."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._seq = 0

    def write(self, event: Event) -> None:
        self._seq += 1
        values: dict[str, Any] = {"seq": self._seq, "at": round(time.time(), 3), **event.to_json()}
        self._out.write(json.dumps(values, ensure_ascii=False) + "\n")
        self._out.flush()


class _Progress:
    """A bar of steps on standard error, with the scores as lines above it."""

    def __init__(self) -> None:
        self._bar: Any = None

    def show(self, event: Event) -> None:
        if isinstance(event, Prepared):
            rows = ", ".join(f"{count} {split}" for split, count in event.rows.items())
            where = f"{event.device}, {event.threads} threads, {event.precision}, {event.path}"
            say(f"rows: {rows} · {event.tokens} tokens an epoch · {where}")
            pace = SECONDS_ON_SCREEN if sys.stderr.isatty() else SECONDS_IN_A_LOG
            self._bar = tqdm(
                total=event.steps, initial=event.resumed_from, unit="step", file=sys.stderr, mininterval=pace
            )
        elif isinstance(event, Step) and self._bar is not None:
            self._bar.update(event.step - self._bar.n)
            self._bar.set_postfix_str(f"loss {event.loss:.3f}, {event.tokens_per_s:.0f} tokens/s", refresh=False)
        elif isinstance(event, Evaluated):
            shown = list(event.metrics.items())[:SHOWN_METRICS]
            scores = ", ".join(f"{name} {value:.4f}" for name, value in shown)
            say(f"step {event.step} · {event.split}: {scores}")
        elif isinstance(event, Warned):
            say(f"note: {event.message}")
        elif isinstance(event, Finished):
            self.close()
            say(f"finished: {event.artifact} (best at step {event.best_step})")

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
