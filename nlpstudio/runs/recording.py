"""Events of a training process become rows, and the run's own columns follow them."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.core import live
from nlpstudio.engine import events
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.events import Evaluated, Event, Failed, Finished, Prepared, Step, Warned
from nlpstudio.runs.leases import Lease
from nlpstudio.runs.models import Run, RunEvent
from nlpstudio.runs.states import State

LONGEST_EVENT_BYTES = 256 * 1024
LEAST_S_BETWEEN_STEPS = 0.9 / events.STEP_EVENTS_PER_SECOND
LARGEST_COUNT = 2**53
IN_COLUMNS = ("step", "steps", "resumed_from")
LARGEST_IN_COLUMN = 2**31 - 1
_NUMBER = (int, float, type(None))
_TYPES: dict[str, Any] = {"int": int, "float": _NUMBER, "str": str, "bool": bool, "dict": dict, "list": list}


class Recorder:
    """Writes what one process says about one run, under one lease.

    The closing event (`finished` or `failed`) is held back in `closing`: it is stored together with the
    move to the end state, so that whoever sees it also sees the run ended.
    """

    def __init__(self, run: Run, lease: Lease) -> None:
        self.run = run
        self.lease = lease
        self.closing: Finished | Failed | None = None
        self.is_prepared = False
        self._seq = run.last_seq
        self._last_step_at = 0.0
        self._unreadable = 0

    def take(self, lines: Iterable[bytes]) -> bool:
        """Record the lines that are events. Returns whether there was one. Raises `LeaseLost`."""
        rows: list[RunEvent] = []
        fields: dict[str, Any] = {}
        heard = False
        for line in lines:
            parsed = _parse(line)
            if parsed is None:
                self._unreadable += 1
                if self._unreadable == 1:
                    rows.append(self._row(self._unreadable_warning()))
                continue
            heard = True
            event, at = parsed
            if isinstance(event, (Finished, Failed)):
                self.closing = event
            elif not self._is_too_soon(event, at):
                rows.append(self._row(event, at))
                fields.update(self._follow(event))
        if rows:
            self._store(rows, fields)
        return heard

    def tell(self, event: Event) -> None:
        """Record an event of our own. Raises `LeaseLost`."""
        self._store([self._row(event)], {})

    def close(
        self,
        event: Finished | Failed,
        *,
        state: State | None = None,
        also: Callable[[], dict[str, Any]] = dict,
        **fields: Any,
    ) -> None:
        """Store the last event together with the end state, which follows from it unless given. Raises `LeaseLost`.

        What `also` does is part of it, all or nothing; it returns more columns.
        """
        if isinstance(event, Failed):
            fields |= {"error_code": event.code[:60], "error_message": event.message, "error_hint": event.hint}
        else:
            self.is_prepared = True
        with transaction.atomic():
            fields |= also()
            self._store([self._row(event)], {"eta_s": None, **fields})  # this also locks the row
            self.run.refresh_from_db()
            new = state or _end_after(event, State(self.run.state))
            if not self.run.move(new):
                raise AssertionError(f"a run cannot go from {self.run.state} to {new}")
            code = event.code if isinstance(event, Failed) else ""
            audit.record(None, f"run.{new}", self.run, project_id=self.run.project_id, code=code)
        live.announce("run", self.run.pk)

    def _row(self, event: Event, at: float | None = None) -> RunEvent:
        self._seq += 1
        when = timezone.now() if at is None else datetime.fromtimestamp(at, UTC)
        step = getattr(event, "step", None)
        return RunEvent(run=self.run, seq=self._seq, at=when, kind=event.kind, step=step, payload=event.to_json())

    def _store(self, rows: list[RunEvent], fields: dict[str, Any]) -> None:
        with transaction.atomic():
            self.lease.write(last_seq=self._seq, **fields)
            RunEvent.objects.bulk_create(rows)
            if self.is_prepared:
                self.lease.rows().filter(state=State.PREPARING).update(state=State.RUNNING)
        live.announce("run", self.run.pk)

    def _is_too_soon(self, event: Event, at: float) -> bool:
        if not isinstance(event, Step):
            return False
        if 0 <= at - self._last_step_at < LEAST_S_BETWEEN_STEPS:
            return True
        self._last_step_at = at
        return False

    def _unreadable_warning(self) -> Warned:
        message = _("The training process wrote something that is no event to its standard output. It is left out.")
        return Warned(code="run.unreadable_output", message=message)

    def _follow(self, event: Event) -> dict[str, Any]:
        """The run's columns after the event."""
        if isinstance(event, Prepared):
            self.is_prepared = True
            self.run.total_steps = event.steps
            environment = {"device": event.device, "precision": event.precision, "threads": event.threads}
            share = event.resumed_from / max(event.steps, 1)
            return {
                "total_steps": event.steps,
                "step": event.resumed_from,
                "progress": min(share, 1.0),
                "environment": {**self.run.environment, **environment, "path": event.path},
            }
        if isinstance(event, Step):
            return {
                "step": event.step,
                "progress": min(event.step / max(self.run.total_steps, 1), 1.0),
                "eta_s": event.eta_s,
            }
        if isinstance(event, Evaluated):
            return self._follow_scores(event)
        return {}

    def _follow_scores(self, event: Evaluated) -> dict[str, Any]:
        fields: dict[str, Any] = {"metrics": event.metrics, "metrics_split": event.split}
        by = CATALOGUE[self.run.train_spec.task].best_by
        known, found = self.run.best.get(by), event.metrics.get(by)
        if event.split == "validation" and found is not None and (known is None or found > known):
            self.run.best = event.metrics
            fields |= {"best": event.metrics, "best_split": event.split}
        return fields


def _end_after(event: Finished | Failed, now: State) -> State:
    if isinstance(event, Failed):
        return State.FAILED
    return State.STOPPED if now == State.STOPPING else State.FINISHED


def _parse(line: bytes) -> tuple[Event, float] | None:
    """The event of one line and when it was said, or None for anything else."""
    if len(line) > LONGEST_EVENT_BYTES or not line.startswith(b"{"):
        return None
    try:
        values = _values(line)
        event = events.from_json(values)
        at = float(values.get("at") or timezone.now().timestamp())
        datetime.fromtimestamp(at, UTC)
        _check(event)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None
    return event, at


def _values(line: bytes) -> Any:
    """What the line holds, without what a database cannot keep: NUL, halves of characters, numbers that are none."""
    values = json.loads(line.replace(b"\\u0000", b""), parse_constant=lambda _name: None, parse_float=_finite)
    if b"\\ud" in line.lower():
        values = json.loads(json.dumps(values, ensure_ascii=False).encode("utf-8", "replace"))
    return values


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _check(event: Event) -> None:
    """Raise `TypeError` for a value that its column could not hold: a broken process must not break its worker."""
    for field in dataclasses.fields(event):
        value, kind = getattr(event, field.name), _TYPES.get(str(field.type).partition("[")[0])
        if kind is None or not isinstance(value, kind):
            raise TypeError(f"{field.name} must be {field.type}")
        most = LARGEST_IN_COLUMN if field.name in IN_COLUMNS else LARGEST_COUNT
        if kind is int and not 0 <= value <= most:
            raise TypeError(f"{field.name} is out of bounds")
        if kind is dict and event.kind == "evaluated" and not all(isinstance(v, _NUMBER) for v in value.values()):
            raise TypeError("metrics must be numbers")
