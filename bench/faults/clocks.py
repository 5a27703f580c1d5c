"""Workers, reapers and web processes whose clock is wrong or jumps, on PostgreSQL. Imported only after `ground.begin`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from bench.faults.ground import Count, examine
from bench.faults.inside import Inside
from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import SignInLink
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs import leases
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State
from tests.studio import PATIENCE, ROOT, until

HOURS = 7200
LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/local/lib/faketime/libfaketimeMT.so.1")
WORKER = """
import json, time, django
django.setup()
from nlpstudio.runs import execution, leases
from tests.runs.conftest import trainer
clocks = [time.time()]
run = leases.claim("worker of another time")
execution.drive(run, start=trainer("slow"))
print(json.dumps([*clocks, time.time()]), flush=True)
"""
REAPER = """
import select, django
django.setup()
from nlpstudio.runs import leases
while True:
    leases.reap()
    select.select([], [], [], 0.1)
"""
"""(It does not `sleep`: Python sleeps until a time, which libfaketime takes for one of its own.)"""
ASKER = """
import json, sys, time, django
django.setup()
from nlpstudio.accounts import services
known = [services.token_of(plain) is not None for plain in sys.argv[1:]]
print(json.dumps([time.time(), known]), flush=True)
"""
LINKER = """
import json, sys, time, django
django.setup()
from nlpstudio.accounts import services
from nlpstudio.accounts.models import User
print(json.dumps([time.time(), services.make_sign_in_link(User.objects.get(email=sys.argv[1]))]), flush=True)
"""


def library() -> Path:
    """libfaketime, which lies about the time to the programs that it is loaded into."""
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    assert found, "libfaketime is not installed (apt-get install faketime)"
    return found[0]


def _wrong(seconds: int, file: Path | None = None) -> dict[str, str]:
    """The environment of a process that is so many seconds ahead, or as far as `file` says from moment to moment."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": str(library())}
    env |= {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}
    if file is None:
        return env | {"FAKETIME": f"{seconds:+d}"}
    file.write_text(f"{seconds:+d}")
    return env | {"FAKETIME_TIMESTAMP_FILE": str(file)}


def _process(code: str, env: dict[str, str], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *words]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@contextmanager
def _reapers(*ahead: int) -> Iterator[list[subprocess.Popen[str]]]:
    found = [_process(REAPER, _wrong(seconds)) for seconds in ahead]
    try:
        yield found
        for each in found:
            assert each.poll() is None, f"a reaper broke: {each.communicate()[1][-300:]}"
    finally:
        for each in found:
            each.kill()
            each.communicate()


def wrong(inside: Inside, folder: Path) -> Count:
    """B5: wrong clocks change neither who holds a run nor what a token opens."""
    count = Count(
        "B5", "clocks 2 h ahead, 2 h behind, and jumping: no second start, leases and tokens by the database's clock"
    )
    for ahead, reapers in ((HOURS, (0, -HOURS)), (-HOURS, (0, HOURS)), (0, (HOURS, -HOURS))):
        count.trial(lambda ahead=ahead, reapers=reapers: _steady(inside, ahead, reapers))  # type: ignore[misc]
    for jump in (HOURS, -HOURS):
        count.trial(lambda jump=jump: _jumping(inside, folder / "clock", jump))  # type: ignore[misc]
    for ahead in (HOURS, -HOURS):
        count.trial(lambda ahead=ahead: _tokens(inside, ahead))  # type: ignore[misc]
        count.trial(lambda ahead=ahead: _links(inside, ahead))  # type: ignore[misc]
    return count


def _steady(inside: Inside, ahead: int, reapers: tuple[int, ...]) -> bool:
    """A worker with its clock so far off, and reapers with theirs."""
    inside.clear()
    run = inside.run()
    with _reapers(*reapers):
        clocks = _told(_process(WORKER, _wrong(ahead)))
        _is_untouched(run)
    return abs(clocks[0] - time.time() - ahead) < 120 and (ahead != 0 or bool(reapers))


def _jumping(inside: Inside, file: Path, jump: int) -> bool:
    """The worker's clock jumps in the middle of the run."""
    inside.clear()
    run = inside.run()
    with _reapers(0):
        worker = _process(WORKER, _wrong(0, file))
        until(lambda: Run.objects.get(pk=run.pk).step >= 1, 90, "it trains")
        file.write_text(f"{jump:+d}")
        clocks = _told(worker)
        _is_untouched(run)
    return abs(clocks[1] - clocks[0] - jump) < 120


def _told(worker: subprocess.Popen[str]) -> list[float]:
    out, err = worker.communicate(timeout=180 * PATIENCE)
    assert worker.returncode == 0, err[-300:]
    found: list[float] = json.loads(out.splitlines()[-1])
    return found


def _is_untouched(run: Run) -> None:
    run.refresh_from_db()
    assert (run.state, run.attempt, run.fence) == (State.FINISHED, 1, 1), (
        f"{run.state} {run.error_code} {run.error_message}, taken {run.fence} times"
    )
    assert ModelVersion.objects.filter(run=run).count() == 1
    assert not run.events.filter(payload__code="run.lost").exists(), "it was taken for lost"
    assert not leases.reap()
    examine()


def _tokens(inside: Inside, ahead: int) -> bool:
    """One token that ends in an hour, one that ended an hour ago, asked of a process with its clock so far off."""
    hour = timedelta(hours=1)
    good = accounts.create_token(inside.user, "good", expires_at=timezone.now() + hour)[1]
    old = accounts.create_token(inside.user, "old", expires_at=timezone.now() - hour)[1]
    out, err = _process(ASKER, _wrong(ahead), good, old).communicate(timeout=120 * PATIENCE)
    assert out, err[-300:]
    theirs, known = json.loads(out.splitlines()[-1])
    assert known == [True, False], f"{ahead:+d} s: {known}"
    return abs(theirs - time.time() - ahead) < 120


def _links(inside: Inside, ahead: int) -> bool:
    """A link for one hour, made by a process with its clock so far off, opens now and not after that hour."""
    out, err = _process(LINKER, _wrong(ahead), inside.user.email).communicate(timeout=120 * PATIENCE)
    assert out, err[-300:]
    theirs, path = json.loads(out.splitlines()[-1])
    ends = SignInLink.objects.latest("pk").expires_at - timezone.now()
    assert timedelta(minutes=55) < ends < timedelta(minutes=61), f"the link for an hour ends in {ends}"
    assert accounts.use_sign_in_link(path.rstrip("/").rpartition("/")[2]) == inside.user, "the link does not open"
    return abs(theirs - time.time() - ahead) < 120
