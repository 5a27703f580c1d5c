"""Every part of a running studio is asked to end and starts again, one after the other, while people go on."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from bench.faults.ground import Count
from bench.faults.outside import Outside
from tests.flows.program import OVER, PARAMS
from tests.studio import until

PARTS = {"web": "config.web", "serve worker": "manage.py serve", "train worker": "-Q train", "io worker": "-Q io"}
CLIENTS = 4
BETWEEN_S = 2.0
RECONNECT_S = 30.0
"""Most of it is the start of a process: 3 s on a quiet machine."""
LONG: dict[str, Any] = {"epochs": 1000, "batch_size": 1, "early_stopping": 0, "learning_rate": 1e-4}


@dataclass
class Heard:
    """What the clients were answered, and what one viewer saw."""

    answers: Counter[int | str] = field(default_factory=Counter)
    slowest: float = 0.0
    seqs: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def rolled(outside: Outside, requests: int) -> Count:
    """B8r: SIGTERM to each part in turn, from the first to the last of so many requests."""
    count = Count(
        "B8r", f"rolling restart (SIGTERM) of web, serve, train and io under {requests} requests; a viewer follows"
    )

    def act() -> bool:
        program = outside.program
        done = program.ended(program.start(outside.version, **PARAMS), 600)
        assert done["state"] == "finished", done["error"]
        run, over, heard = program.start(outside.version, **LONG), threading.Event(), Heard()
        addresses = [
            "projects",
            f"runs/{run}",
            f"runs/{run}/events?limit=10",
            f"model-versions/{done['model_version']}",
        ]
        threads = [
            threading.Thread(target=_ask, args=(outside, addresses, done["model_version"], requests, heard, over))
            for _number in range(CLIENTS)
        ]
        viewer = threading.Thread(target=_follow, args=(outside, run, heard, over))
        for thread in [viewer, *threads]:
            thread.start()
        restarts = _roll(outside, run, over)
        for thread in threads:
            thread.join()
        program.api.post(f"runs/{run}/stop").raise_for_status()
        ended = program.ended(run, 300)
        viewer.join(60)
        bad = {status: number for status, number in heard.answers.items() if status != 200}
        assert not bad, f"people saw {bad}"
        assert ended["state"] == "stopped" and ended["model_version"], ended["error"]
        assert ended["attempt"] == 1, f"restarts counted as {ended['attempt']} attempts"
        assert heard.seqs == list(range(1, len(heard.seqs) + 1)), "the viewer missed an event or got one twice"
        assert max(heard.waits) <= RECONNECT_S, f"the viewer was away for {max(heard.waits):.1f} s"
        outside.examine()
        count.figures |= {
            "requests": sum(heard.answers.values()),
            "failed": sum(bad.values()),
            "restarts": ", ".join(f"{name} {number}" for name, number in restarts.items()),
            "slowest answer s": round(heard.slowest, 1),
            "slowest reconnect s": round(max(heard.waits), 1),
        }
        return all(restarts.values())

    count.trial(act)
    return count


def _roll(outside: Outside, run: str, over: threading.Event) -> Counter[str]:
    """Restart part after part until the clients are done, the next when the run trains on; how often each was."""
    restarts: Counter[str] = Counter(dict.fromkeys(PARTS, 0))
    while not over.is_set():
        for name, words in PARTS.items():
            main = outside.studio.processes(words)[0]
            main.terminate()
            until(lambda main=main: not main.is_running(), 30, f"the {name} ends")  # type: ignore[misc]
            until(lambda words=words: outside.studio.processes(words), 30, f"the {name} starts again")  # type: ignore[misc]
            restarts[name] += 1
            before = _step(outside, run)
            until(lambda before=before: _step(outside, run) > before, 120, "the run trains on")  # type: ignore[misc]
            over.wait(BETWEEN_S)
            if over.is_set():
                break
    return restarts


def _step(outside: Outside, run: str) -> int:
    answer = outside.program.api.get(f"runs/{run}", headers={"Connection": "close"})
    return int(answer.raise_for_status().json()["step"])


def _ask(
    outside: Outside, addresses: list[str], version: str, requests: int, heard: Heard, over: threading.Event
) -> None:
    """A connection for each request, and none is sent a second time."""
    headers = {**outside.program.api.headers, "Connection": "close"}
    while sum(heard.answers.values()) < requests:
        number = sum(heard.answers.values())
        begun = time.monotonic()
        try:
            with httpx.Client(base_url=outside.program.api.base_url, headers=headers, timeout=60) as client:
                if number % 10 == 0:
                    answer = client.post(f"model-versions/{version}/predict", json={"inputs": "the film was good"})
                else:
                    answer = client.get(addresses[number % len(addresses)])
            heard.answers[answer.status_code] += 1
        except httpx.HTTPError as error:
            heard.answers[type(error).__name__] += 1
        heard.slowest = max(heard.slowest, time.monotonic() - begun)
    over.set()


def _follow(outside: Outside, run: str, heard: Heard, over: threading.Event) -> None:
    """Follow the run to its end over as many sockets as it takes."""
    address = f"{outside.studio.address.replace('http', 'ws', 1)}/ws/runs/{run}/events/"
    token = {"Authorization": outside.program.api.headers["Authorization"]}
    lost_at, last = 0.0, ""
    while last not in OVER:
        try:
            with connect(f"{address}?after={len(heard.seqs)}", additional_headers=token) as opened:
                if lost_at:
                    heard.waits.append(time.monotonic() - lost_at)
                    lost_at = 0.0
                while last not in OVER:
                    event = json.loads(opened.recv(timeout=60))
                    heard.seqs.append(event["seq"])
                    last = event["kind"]
        except (OSError, WebSocketException, TimeoutError):
            lost_at = lost_at or time.monotonic()
            time.sleep(0.1)
