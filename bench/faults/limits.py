"""A studio whose processes may open few files, start few processes or take little memory: it degrades, in words."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from bench.faults.ground import Count
from bench.faults.outside import Outside
from tests.studio import Studio, until

FILES = 256
SOCKETS = 400
MEMORY = 900 << 20
WORDS = ("run.no_process", "engine.out_of_memory", "run.crashed")


def limited(outside: Outside) -> Count:
    """B7: limits on open files, processes and memory, put on what already runs and taken off again."""
    count = Count(
        "B7", "limits: open files of the web, processes and memory of the worker; no crash loop, words, all well after"
    )
    count.trial(lambda: _few_files(outside, count))
    count.trial(lambda: _few(outside, resource.RLIMIT_NPROC, 1, count))
    count.trial(lambda: _few(outside, resource.RLIMIT_AS, MEMORY, count))
    return count


@contextmanager
def _limit(process: psutil.Process, which: int, most: int) -> Iterator[None]:
    before = resource.prlimit(process.pid, which)
    resource.prlimit(process.pid, which, (most, before[1]))
    try:
        yield
    finally:
        if process.is_running():
            resource.prlimit(process.pid, which, before)


@contextmanager
def _few_tasks(process: psutil.Process) -> Iterator[None]:
    """A control group in which no process or thread more can be started. (A limit of root's processes binds nobody.)"""
    root = Path("/sys/fs/cgroup/pids") if Path("/sys/fs/cgroup/pids").is_dir() else Path("/sys/fs/cgroup")
    group = root / f"faults-{process.pid}"
    group.mkdir()
    try:
        (group / "cgroup.procs").write_text(str(process.pid))
        (group / "pids.max").write_text(str(process.num_threads()))
        yield
    finally:
        (group / "pids.max").write_text("max")
        until(lambda: _dissolved(group), 30, "nobody is in the group any more")


def _dissolved(group: Path) -> bool:
    """Move everybody into the group above and remove this one; what was born meanwhile is seen the next time."""
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(ProcessLookupError):
            (group.parent / "cgroup.procs").write_text(pid)
    with suppress(OSError):
        group.rmdir()
    return not group.exists()


def _few_files(outside: Outside, count: Count) -> bool:
    """More sockets than the web process may open: others are refused or wait, and it serves again when they have gone."""
    studio = outside.studio
    (web,) = studio.processes("config.web")
    run = outside.program.start(outside.version, epochs=1)
    outside.program.ended(run, 300)
    address = f"{studio.address.replace('http', 'ws', 1)}/ws/runs/{run}/"
    headers = {"Authorization": outside.program.api.headers["Authorization"]}
    opened = refused = 0
    with _limit(web, resource.RLIMIT_NOFILE, FILES), ExitStack() as sockets:
        for _number in range(SOCKETS):
            try:
                sockets.enter_context(connect(address, additional_headers=headers, open_timeout=3))
                opened += 1
            except (OSError, WebSocketException, TimeoutError):
                refused += 1
                if refused >= 5:
                    break
        most = web.num_fds()
    until(lambda: _is_well(studio), 60, "the web process serves again")
    assert [each.pid for each in studio.processes("config.web")] == [web.pid], "the web process was started again"
    outside.examine()
    count.figures |= {"sockets opened": opened, "open files at most": most}
    return refused > 0


def _is_well(studio: Studio) -> bool:
    try:
        return httpx.get(f"{studio.address}/readyz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _few(outside: Outside, which: int, most: int, count: Count) -> bool:
    """The worker cannot start or feed a trainer: the run fails in words, the worker stays, and resuming works later."""
    studio, program = outside.studio, outside.program
    pool = _pool(studio)
    _end_spares(pool)
    with _few_tasks(pool) if which == resource.RLIMIT_NPROC else _limit(pool, which, most):
        failed = program.ended(program.start(outside.version, epochs=1), 300)
        error: dict[str, Any] = failed["error"] or {}
        assert failed["state"] == "failed" and error["code"] in WORDS, json.dumps(failed["error"])
        assert error["message"] and error["hint"]
    assert _pool(studio).pid == pool.pid, "the worker died of it"
    _end_spares(pool)
    program.api.post(f"runs/{failed['id']}/resume").raise_for_status()
    again = program.ended(failed["id"], 300)
    assert again["state"] == "finished", again["error"]
    outside.examine()
    name = {resource.RLIMIT_NPROC: "processes", resource.RLIMIT_AS: "memory"}[which]
    count.figures[f"few {name}"] = error["code"]
    return True


def _end_spares(pool: psutil.Process) -> None:
    """The processes that wait for a run: they keep the limits under which they were started."""
    for spare in pool.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            spare.kill()


def _pool(studio: Studio) -> psutil.Process:
    """The pool process of the train worker: the child of a worker's main process that is a worker too."""
    found = studio.processes("-Q train")
    (pool,) = [each for each in found if each.ppid() in {other.pid for other in found}]
    return pool
