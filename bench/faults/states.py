"""A worker that dies at each of its writes, one after the other, until it lives. Imported only after `ground.begin`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connection

from bench.faults.ground import Count, examine
from bench.faults.inside import Inside, kill_trainers
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs import execution, leases, leftovers, services
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State
from tests.runs.conftest import trainer
from tests.studio import until

WRITES = ("INSERT", "UPDATE", "DELETE")
STEPS_OF_FILES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")
MOST_POINTS = 400


class Deaths:
    """Counts what the process changes, in the database and on the disk, and is its end at number `at`.

    Each point is told on `pipe` before it may be the last. Only the thread that drives counts: heartbeats come
    when they come.
    """

    def __init__(self, at: int, pipe: int) -> None:
        self._at, self._pipe = at, pipe
        self._passed = 0
        self._is_off = False

    def arm(self) -> None:
        commit = connection._commit

        def committing() -> None:
            self._point("before a commit")
            commit()
            self._point("after a commit")

        connection._commit = committing
        connection.execute_wrappers.append(self._statement)
        sys.addaudithook(self._step)

    def aside(self, act: Callable[[], None]) -> None:
        """What somebody else does meanwhile is not counted."""
        self._is_off = True
        act()
        self._is_off = False

    def _statement(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        words = sql.split(" ", 3)
        if words[0] in WRITES:
            self._point(" ".join(words[: 2 if words[0] == "UPDATE" else 3]).replace('"', ""))
        return execute(sql, *rest)

    def _step(self, name: str, _arguments: Any) -> None:
        if name in STEPS_OF_FILES:
            self._point(name)

    def _point(self, name: str) -> None:
        if self._is_off or threading.current_thread() is not threading.main_thread():
            return
        self._passed += 1
        os.write(self._pipe, f"{name}\n".encode())
        if self._passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


WAYS = {
    "finished": "well",
    "failed": "traceback",
    "stopped": "slow",
    "cancelled": "slow",
    "given back": "slow",
}
"""How the run would go, and the trainer that goes so."""


def each_change(inside: Inside) -> Count:
    """R5: a worker is killed at each write of a run, whichever way the run was going."""
    count = Count("R5", "kill -9 at each write of the database and step of the files, five ways a run ends")
    before = settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS
    settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS = 1, 0.25
    points: dict[str, int] = {}
    try:
        for way in WAYS:
            at = 0
            while way not in points:
                at += 1
                assert at < MOST_POINTS, f"{way}: it never lives"
                count.trial(lambda way=way, at=at: _dies(inside, way, at, points))  # type: ignore[misc]
    finally:
        settings.LEASE_SECONDS, settings.HEARTBEAT_SECONDS = before
    count.figures["points"] = ", ".join(f"{way} {number}" for way, number in points.items())
    return count


def _dies(inside: Inside, way: str, at: int, points: dict[str, int]) -> bool:
    """One trial. When the worker outlives it, `points` gets the number of those it passed."""
    inside.clear()
    models = ModelVersion.objects.count()
    run = inside.run()
    passed, has_died = _fork(inside, way, at)
    if not has_died:
        points[way] = at - 1
    where = f"{way}, point {at} ({passed[-1] if passed else 'none'})"
    kill_trainers(run)
    try:
        _recovers(run)
        own = ModelVersion.objects.count() - models
        run.refresh_from_db()
        wanted = 1 if run.state in (State.FINISHED, State.STOPPED) else 0
        assert own == wanted, f"{own} models of a run that {run.state}"
        until(lambda: _is_swept(run), 10, f"the files of a run that {run.state} are swept away")
        homes = {path.name for path in (settings.FILES_ROOT / "models").iterdir()}
        assert homes == {str(pk) for pk in ModelVersion.objects.values_list("pk", flat=True)}, "files of no model"
        examine()
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error
    return has_died or way in points


def _fork(inside: Inside, way: str, at: int) -> tuple[list[str], bool]:
    """The points that the worker passed, and whether it was killed."""
    connection.close()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            _work(inside, way, Deaths(at, writing))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        passed = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0, "the worker broke by itself"
    return passed, os.WIFSIGNALED(status)


def _work(inside: Inside, way: str, deaths: Deaths) -> None:
    def look() -> bool:
        run = Run.objects.get(pk=claimed.pk)
        if way == "given back":
            return run.step >= 1
        if run.state == State.RUNNING and way in asked:
            deaths.aside(lambda: asked.pop(way)(run=run, by=inside.user))
        return False

    asked: dict[str, Callable[..., None]] = {"stopped": services.stop, "cancelled": services.cancel}
    deaths.arm()
    claimed = leases.claim("the mortal worker")
    assert claimed is not None
    execution.drive(claimed, start=trainer(WAYS[way]), should_leave=look)


def _is_swept(run: Run) -> bool:
    leftovers.sweep()
    return run.state not in leftovers.FOR_GOOD or not any((run.folder / part).exists() for part in leftovers.PARTS)


def _recovers(run: Run) -> None:
    """The reaper and another worker bring the run to its end."""

    def is_settled() -> bool:
        leases.reap()
        run.refresh_from_db()
        return run.is_final or run.state == State.QUEUED

    until(is_settled, 30, "the run is over or waits again")
    if run.state == State.QUEUED:
        claimed = leases.claim("the next worker")
        assert claimed is not None and claimed.pk == run.pk, "the next worker does not get it"
        execution.drive(claimed, start=trainer("well"))
        run.refresh_from_db()
        assert run.state in (State.FINISHED, State.STOPPED), f"the next worker left it {run.state} {run.error_code}"
