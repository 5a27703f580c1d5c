"""Many people watch one run of a real studio while others click: `python -m bench.viewers`.

A program drives a run by the worker's own lease and recorder at a fixed pace. Each viewer follows its events over a
websocket of its own; some follow the page's socket instead. Beside them, users with sessions ask for pages, one after
another. Told are the share of messages that arrived, the latency from the moment an event was said until it was here,
whether every viewer saw the end, and the answers to the clicks. With `--idle`, sockets that hear nothing must still be
alive after so many minutes, and must then hear the run's next event.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench import machine
from tests.studio import ROOT, Studio, running

DRIVER = """
import json, sys, time, django
django.setup()
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone
from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.engine.events import Finished, Prepared, Step
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects import services as projects
from nlpstudio.projects.models import Membership, Role
from nlpstudio.runs import leases
from nlpstudio.runs.leases import Lease
from nlpstudio.runs.models import Run
from nlpstudio.runs.recording import Recorder
events, pace = int(sys.argv[1]), float(sys.argv[2])
user = User.objects.order_by("created_at").first()
project = projects.create(name="Watched", description="", by=user)
data = Dataset.objects.create(project=project, name="Watched", task="classification", created_by=user)
version = DatasetVersion.objects.create(dataset=data, number=1, state="ready", rows=1, splits={"train": 1})
spec = TrainSpec(task="classification", base_model="tiny")
with transaction.atomic():
    run = Run.objects.create(project=project, name="Watched", dataset_version=version, base_model="tiny",
                             spec=spec.to_json(), created_by=user, queued_at=timezone.now())
    held = leases.claim("bench driver")
assert held is not None and held.pk == run.pk
lease = Lease(run_id=run.pk, fence=held.fence)
recorder = Recorder(held, lease)
recorder.tell(Prepared(rows={"train": 1}, tokens=1, steps=events, truncated=0.0, device="cpu", precision="float32",
                       threads=1, path="packed", resumed_from=0))
recorder.is_prepared = True
keys = []
for number in range(int(sys.argv[3])):
    person = User.objects.create_user(f"clicker{number}-{run.pk}@example.org", None, name=f"Clicker {number}")
    Membership.objects.create(project=project, user=person, role=Role.VIEWER)
    browser = Client()
    browser.force_login(person)
    keys.append(browser.cookies[settings.SESSION_COOKIE_NAME].value)
print(json.dumps({"run": str(run.pk), "cookie": settings.SESSION_COOKIE_NAME, "keys": keys}), flush=True)
with lease.kept():
    sys.stdin.readline()
    begun = time.monotonic()
    for number in range(1, events + 1):
        time.sleep(max(0.0, begun + number / pace - time.monotonic()))
        recorder.tell(Step(step=number, epoch=0.0, loss=1.0, lr=1e-4, grad_norm=1.0, tokens_per_s=1.0, memory_bytes=1,
                           eta_s=1.0))
    said = time.monotonic() - begun
    recorder.close(Finished(best_step=events, metrics={}, artifact="", weights_sha256="0" * 64, environment={}))
print(said, flush=True)
"""
CLICKS = ("/", "/projects/", "/base-models/", "/accounts/profile/", "/worker-light/")


@dataclass
class Viewer:
    """What one socket heard."""

    seqs: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    saw_the_end: bool = False
    closed: str = ""


async def follow(viewer: Viewer, address: str, token: str, ready: asyncio.Semaphore) -> None:
    try:
        async with ready:
            socket = await connect(address, additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=60)
        async with socket:
            async for message in socket:
                event = json.loads(message)
                viewer.seqs.append(event["seq"])
                if event["kind"] == "step":
                    viewer.delays.append(time.time() - event["at"])
                if event["kind"] == "finished":
                    viewer.saw_the_end = True
                    return
    except (ConnectionClosed, OSError, TimeoutError) as error:
        viewer.closed = str(error)


async def look(viewer: Viewer, address: str, token: str, ready: asyncio.Semaphore) -> None:
    """As the run's page does: fragments of HTML; the end is seen when the state says so."""
    try:
        async with ready:
            socket = await connect(address, additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=60)
        async with socket:
            async for message in socket:
                viewer.seqs.append(len(message))
                if "state-finished" in str(message):
                    viewer.saw_the_end = True
                    return
    except (ConnectionClosed, OSError, TimeoutError) as error:
        viewer.closed = str(error)


async def click(
    studio: Studio,
    run: str,
    cookies: dict[str, str],
    pause: float,
    over: asyncio.Event,
    answers: list[tuple[int, float]],
) -> None:
    addresses = (*CLICKS, f"/runs/{run}/", f"/runs/{run}/chart.json", f"/runs/{run}/log/")
    async with httpx.AsyncClient(base_url=studio.address, timeout=60, cookies=cookies) as client:
        number = 0
        while not over.is_set():
            begun = time.monotonic()
            answer = await client.get(addresses[number % len(addresses)])
            answers.append((answer.status_code, time.monotonic() - begun))
            number += 1
            await asyncio.sleep(pause)


async def watch(studio: Studio, args: argparse.Namespace) -> dict[str, Any]:
    token = studio.manage("token", "ada@example.org")
    env = studio.environment | {"DJANGO_SETTINGS_MODULE": "nlpstudio.config.settings.base", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", DRIVER, str(args.events), str(args.pace), str(args.users)]
    driver = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert driver.stdin is not None and driver.stdout is not None
    told = json.loads(await asyncio.to_thread(driver.stdout.readline))
    run = told["run"]
    base = studio.address.replace("http", "ws", 1)
    gate, over = asyncio.Semaphore(20), asyncio.Event()
    viewers = [Viewer() for _ in range(args.viewers)]
    pages = [Viewer() for _ in range(args.pages)]
    tasks = [asyncio.create_task(follow(v, f"{base}/ws/runs/{run}/events/", token, gate)) for v in viewers]
    tasks += [asyncio.create_task(look(v, f"{base}/ws/runs/{run}/", token, gate)) for v in pages]
    answers: list[tuple[int, float]] = []
    users = [
        asyncio.create_task(click(studio, run, {told["cookie"]: key}, args.pause, over, answers))
        for key in told["keys"]
    ]
    deadline = time.monotonic() + 180
    while not all(v.seqs or v.closed for v in [*viewers, *pages]) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    idle_alive = None
    if args.idle:
        await asyncio.sleep(args.idle * 60)
        idle_alive = sum(not v.closed for v in [*viewers, *pages])
    answers.clear()
    driver.stdin.write("go\n")
    driver.stdin.flush()
    said = float((await asyncio.to_thread(driver.stdout.readline)).strip())
    _done, late = await asyncio.wait(tasks, timeout=60)
    over.set()
    for task in late:
        task.cancel()
    await asyncio.gather(*users)
    driver.wait(30)
    return _figures(viewers, pages, answers, args, said) | {"idle_alive": idle_alive, "idle_minutes": args.idle}


def _figures(
    viewers: list[Viewer], pages: list[Viewer], answers: list[tuple[int, float]], args: argparse.Namespace, said: float
) -> dict[str, Any]:
    wanted = args.events + 2  # prepared and finished too
    delays = sorted(delay for viewer in viewers for delay in viewer.delays)
    waits = sorted(seconds for _status, seconds in answers)
    return {
        "viewers": len(viewers),
        "pages": len(pages),
        "users": args.users,
        "events": wanted,
        "pace_asked": args.pace,
        "pace_reached": round(args.events / said, 2),
        "delivered": sum(len(set(v.seqs)) for v in viewers) / max(wanted * len(viewers), 1),
        "in_order": sum(v.seqs == sorted(set(v.seqs)) for v in viewers),
        "saw_the_end": sum(v.saw_the_end for v in viewers),
        "pages_saw_the_end": sum(v.saw_the_end for v in pages),
        "closed": [v.closed for v in [*viewers, *pages] if v.closed][:5],
        "latency_ms": {f"p{q}": round(1000 * _at(delays, q)) for q in (50, 95, 99)},
        "clicks": len(answers),
        "clicks_failed": sum(status != 200 for status, _seconds in answers),
        "click_ms": {f"p{q}": round(1000 * _at(waits, q)) for q in (50, 95, 99)},
    }


def _at(values: list[float], percent: int) -> float:
    return values[min(len(values) * percent // 100, len(values) - 1)] if values else 0.0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.viewers", description=__doc__)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--pages", type=int, default=20, help="viewers of the page's socket besides")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between the clicks of a user")
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--pace", type=float, default=5.0, help="events a second")
    parser.add_argument("--idle", type=float, default=0.0, help="minutes of silence first")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as studio:
        figures = asyncio.run(watch(studio, args))
    print(json.dumps({"machine": machine.describe(), **figures}, indent=1), flush=True)
    sound = figures["delivered"] >= 0.999 and figures["saw_the_end"] == args.viewers
    return int(not sound or figures["pages_saw_the_end"] != args.pages or bool(figures["clicks_failed"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
