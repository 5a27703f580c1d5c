"""Faults of the broker, the web process and the disk, with a whole studio that runs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from bench.faults.ground import Count
from tests.flows.program import OVER, Program
from tests.studio import ROOT, Studio, until
from tests.tiny import sentiment_lines

PATIENCE_S = 600


class Outside:
    """A program in a studio of its own, and the trials on it."""

    def __init__(self, studio: Studio, *, runs: int) -> None:
        self.studio = studio
        self.runs = runs
        api = studio.api()
        api.timeout = 120
        project = api.post("projects", json={"name": "Faults", "description": ""}).raise_for_status().json()["id"]
        self.program = Program(studio=studio, api=api, project=project)
        lines = [("text", "label"), *sentiment_lines(200)]
        self.version = str(self.program.upload("classification", lines)["id"])

    def examine(self) -> None:
        """The doctor of that studio. The reaper gets a moment to see to what was lost."""

        def is_well() -> bool:
            nonlocal told
            command = [sys.executable, "manage.py", "doctor", "--json"]
            done = subprocess.run(
                command, env=self.studio.environment, capture_output=True, text=True, check=False, cwd=ROOT
            )
            told = json.loads(done.stdout)
            return bool(told["ok"])

        told: dict[str, Any] = {}
        try:
            until(is_well, 60, "the doctor finds all well")
        except AssertionError as error:
            raise AssertionError(f"doctor: {told.get('findings')}") from error

    def broker(self, name: str, fault: Callable[[], bool], what: str) -> Count:
        """Runs are started while the broker suffers; each comes to its end, once."""
        count = Count(name, what)

        def act() -> bool:
            started, fired = [], 0
            for number in range(self.runs):
                started.append(self.program.start(self.version, epochs=1, early_stopping=0, seed=number))
                if number % 3 == 1:
                    fired += fault()
            for run in started:
                ended = self.program.ended(run, PATIENCE_S)
                assert ended["state"] == "finished" and ended["attempt"] == 1, f"{ended['state']} {ended['error']}"
            models = {self.program.run(run)["model_version"] for run in started}
            assert len(models) == len(started), "a run has no model of its own"
            self.examine()
            count.figures |= {"runs": len(started), "blows": fired}
            return fired > 0

        count.trial(act)
        return count

    def kill_broker(self) -> bool:
        found = self.studio.processes("valkey.sock")
        for process in found:
            process.kill()
        return bool(found)

    def flush_broker(self) -> bool:
        socket = next(self.studio.home.rglob("*valkey.sock"), None) or _socket(self.studio)
        try:
            with redis.Redis(unix_socket_path=str(socket)) as client:
                client.set("bench", "1")
                client.flushall()
                return client.get("bench") is None
        except redis.RedisError:
            return False

    def web(self, times: int) -> Count:
        """The web process is killed while somebody follows a run; whoever reconnects misses nothing."""
        count = Count("B8", "kill of the web process; a viewer reconnects and misses nothing")

        def act() -> bool:
            run = self.program.start(self.version, epochs=60, early_stopping=0, learning_rate=1e-4)
            heard: list[int] = []
            kills, waits, last_kind = 0, list[float](), ""
            address = f"{self.studio.address.replace('http', 'ws', 1)}/ws/runs/{run}/events/"
            token = {"Authorization": self.program.api.headers["Authorization"]}
            lost_at, deadline = 0.0, time.monotonic() + PATIENCE_S
            while last_kind not in ("finished", "failed"):
                assert time.monotonic() < deadline, "the run was not followed to its end"
                try:
                    with connect(f"{address}?after={heard[-1] if heard else 0}", additional_headers=token) as opened:
                        while last_kind not in ("finished", "failed"):
                            event = json.loads(opened.recv(timeout=60))
                            if lost_at:
                                waits.append(time.monotonic() - lost_at)
                                lost_at = 0.0
                            heard.append(event["seq"])
                            last_kind = event["kind"]
                            is_time = kills < times and len(heard) > 4 * (kills + 1)
                            # What a killed one had sent is still read while the next is not there yet.
                            if is_time and (living := self.studio.processes("config.web")):
                                kills += 1
                                living[0].kill()
                                lost_at = time.monotonic()
                except (OSError, WebSocketException, TimeoutError):
                    time.sleep(0.3)
            assert heard == list(range(1, len(heard) + 1)), "the viewer missed an event or got one twice"
            until(lambda: self.program.run(run)["state"] in OVER, 60, "it is over")
            assert self.program.run(run)["attempt"] == 1, "the run suffered"
            self.examine()
            count.figures |= {"kills": kills, "events": len(heard), "slowest reconnect s": round(max(waits), 1)}
            return kills > 0

        count.trial(act)
        return count


def _socket(studio: Studio) -> Path:
    (process, *_rest) = studio.processes("valkey.sock")
    words = " ".join(process.cmdline())
    return Path(next(word for word in words.replace(":", " ").split() if word.endswith("valkey.sock")))
