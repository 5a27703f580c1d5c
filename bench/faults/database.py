"""Faults of the database and the broker under a studio on PostgreSQL and Redis, with a proxy before each."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.faults.ground import Count
from bench.faults.servers import Postgres, Proxy, Redis, servers
from tests.flows.program import Program
from tests.studio import ROOT, Studio, running, until
from tests.tiny import sentiment_lines

CLIENTS = 4
PATIENCE_S = 900
RECOVERY_S = 10.0
DOWN_S, LONG_DOWN_S = 3.0, 40.0
AWAY_S = 30.0


class Installation:
    """A studio on servers of its own; what goes to them passes the proxies."""

    def __init__(self, studio: Studio, database: Postgres, broker: Redis, proxies: tuple[Proxy, Proxy]) -> None:
        self.studio, self.database, self.broker = studio, database, broker
        self.to_database, self.to_broker = proxies
        api = studio.api()
        api.timeout = 120
        project = api.post("projects", json={"name": "Faults", "description": ""}).raise_for_status().json()["id"]
        self.program = Program(studio=studio, api=api, project=project)
        lines = [("text", "label"), *sentiment_lines(200)]
        self.version = str(self.program.upload("classification", lines)["id"])

    def client(self) -> httpx.Client:
        """For a thread of its own."""
        return httpx.Client(base_url=self.program.api.base_url, headers=self.program.api.headers, timeout=120)

    def examine(self) -> None:
        """The doctor finds all well, once the reapers have seen to what was lost."""

        def is_well() -> bool:
            nonlocal told
            done = subprocess.run(
                [sys.executable, "manage.py", "doctor", "--json"],
                env={**self.studio.environment, "DATABASE_URL": self.database.url(), "REDIS_URL": self.broker.url()},
                capture_output=True, text=True, check=False, cwd=ROOT,
            )  # fmt: skip
            told = json.loads(done.stdout) if done.stdout else {"ok": False, "findings": done.stderr[-300:]}
            return bool(told["ok"])

        told: dict[str, Any] = {}
        try:
            until(is_well, 120, "the doctor finds all well")
        except AssertionError as error:
            raise AssertionError(f"doctor: {told.get('findings')}") from error

    def ask(self, sql: str, *values: Any) -> Any:
        """The one value that the database itself answers, past the proxy."""
        with self.database.connect() as connection:
            row = connection.execute(sql, values).fetchone()
        return row[0] if row else None


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    with servers(folder / "servers") as (database, broker):
        proxies = Proxy(database.port, cuts_after=b"COMMIT"), Proxy(broker.port, cuts_after=b"LPUSH")
        urls = {"DATABASE_URL": database.url(proxies[0].port), "REDIS_URL": broker.url(proxies[1].port)}
        with running(folder / "studio", **urls) as studio:
            yield Installation(studio, database, broker, proxies)


def without_broker(place: Installation, runs: int) -> Count:
    """B1d: Redis is away for half a minute and comes back with nothing of what it had."""
    count = Count("B1d", f"Redis away for {AWAY_S:.0f} s under {runs} runs, and back without its data")

    def act() -> bool:
        program = place.program
        started = [program.start(place.version, epochs=1, early_stopping=0, seed=number) for number in range(runs // 2)]
        place.broker.kill()
        is_gone = not place.broker.answers()
        begun = time.monotonic()
        started += [
            program.start(place.version, epochs=1, early_stopping=0, seed=number) for number in range(runs // 2, runs)
        ]
        answers = [program.api.get("projects").status_code for _number in range(20)]
        time.sleep(max(0.0, AWAY_S - (time.monotonic() - begun)))
        place.broker.forget()
        place.broker.start()
        for run in started:
            ended = program.ended(run, PATIENCE_S)
            assert ended["state"] == "finished" and ended["attempt"] == 1, f"{ended['state']} {ended['error']}"
        assert set(answers) == {200}, f"people saw {Counter(answers)} without it"
        place.examine()
        count.figures |= {"runs": len(started)}
        return is_gone

    count.trial(act)
    return count


def stopped(place: Installation, writes: int, blows: int) -> Count:
    """B2: PostgreSQL is stopped at once or all its backends are killed, under writes that must not be lost."""
    count = Count("B2", f"PostgreSQL stopped at once or its backends killed under {writes} writes")

    def act() -> bool:
        load = _Load(place, writes)
        returns: list[float] = []
        fired = 0
        for number in range(blows):
            until(lambda number=number: load.acknowledged * blows > number * writes or load.is_over, PATIENCE_S, "load")  # type: ignore[misc]
            down = LONG_DOWN_S if number == blows // 2 - 1 else DOWN_S * (number % 2 == 0)
            fired += _blow(place.database, down)
            returns.append(_seconds_until_it_answers(place))
        load.wait()
        kept = int(place.ask("SELECT count(DISTINCT name) FROM projects_project WHERE name = ANY(%s)", load.names))
        lost = len(load.names) - kept
        assert not lost, f"{lost} of {len(load.names)} acknowledged writes are lost"
        assert set(load.answers) <= {201, 503}, f"people saw {dict(load.answers)}"
        assert max(returns) <= RECOVERY_S, f"{max(returns):.1f} s until the first answer"
        place.examine()
        count.figures |= {
            "blows": fired,
            "acknowledged": len(load.names),
            "lost": lost,
            "answers": dict(load.answers),
            "slowest return s": round(max(returns), 1),
        }
        return fired == blows

    count.trial(act)
    return count


def _blow(database: Postgres, down: float) -> bool:
    """The server is gone for so many seconds, or with 0 falls back to its log; whether that happened."""
    if not down:
        return database.kill_backends() > 0
    database.stop()
    is_gone = not database.answers()
    time.sleep(down)
    database.start()
    return is_gone


def _seconds_until_it_answers(place: Installation) -> float:
    """From the moment on which the database is there again."""
    until(place.database.answers, 60, "the database is back")
    begun = time.monotonic()
    with place.client() as client:
        until(lambda: client.get("projects").status_code == 200, 120, "the studio answers again")
    return time.monotonic() - begun


class _Load:
    """Clients that make projects until so many were acknowledged, and try on when they are told to."""

    def __init__(self, place: Installation, writes: int) -> None:
        self.names: list[str] = []
        self.answers: Counter[int] = Counter()
        self._place, self._writes = place, writes
        self._threads = [threading.Thread(target=self._write, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    @property
    def acknowledged(self) -> int:
        return len(self.names)

    @property
    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def wait(self) -> None:
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        with self._place.client() as client:
            turn = 0
            while self.acknowledged < self._writes:
                turn += 1
                name = f"w-{number}-{turn}"
                answer = client.post("projects", json={"name": name, "description": ""})
                self.answers[answer.status_code] += 1
                if answer.status_code == 201:
                    self.names.append(name)
                else:
                    time.sleep(0.2)


def _runs(place: Installation) -> int:
    """All that were ever started, those of other faults too."""
    return int(place.ask("SELECT count(*) FROM runs_run"))


def lied_to(place: Installation, requests: int, runs: int) -> Count:
    """B3: answers of the database are thrown away after it has committed; the broker's likewise; both are slow and fall silent."""
    count = Count("B3", f"{requests} starts of runs and {runs} runs behind a network that delays, holds, cuts and lies")

    def act() -> bool:
        before = _runs(place)
        place.to_database.cut = place.to_broker.cut = 0.25
        with _trouble(place), ThreadPoolExecutor(CLIENTS) as pool:
            told = list(pool.map(lambda number: _started(place, f"key-{number}", needs=["gpu"]), range(requests)))
            short = list(pool.map(lambda number: _started(place, f"run-{number}", epochs=1, seed=number), range(runs)))
            lies = place.to_database.cuts
            made = _runs(place) - before
            assert len({*told, *short}) == made == requests + runs, f"{made} runs of {requests + runs} requests"
            place.to_database.cut = 0.02  # a worker that never hears of a commit never gets anywhere
            until(lambda: _over(place, short) == runs, PATIENCE_S, "the runs end")
        place.to_database.cut = place.to_broker.cut = 0.0
        ours = "FROM runs_run WHERE id = ANY(%s::uuid[]) AND state = 'finished'"
        ended = place.ask(f"SELECT count(*) {ours}", short)
        models = place.ask(f"SELECT count(DISTINCT model_version_id) {ours}", short)
        assert ended == models == runs, f"{ended} finished, {models} models of {runs} runs"
        place.examine()
        count.figures |= {
            "lies of the database": place.to_database.cuts,
            "of the broker": place.to_broker.cuts,
            "while starting": lies,
            "sent again": _started.again,  # type: ignore[attr-defined]
        }
        return lies > 0 and place.to_broker.cuts > 0

    count.trial(act)
    return count


def _started(place: Installation, key: str, *, needs: list[str] | None = None, **params: Any) -> str:
    """Send one request until it is answered; the run that it names."""
    body = {
        "dataset_version": place.version, "base_model": "tiny", "needs": needs or [], "params": {"max_length": 48, **params}
    }  # fmt: skip
    with place.client() as client:
        for _attempt in range(40):
            answer = client.post(f"projects/{place.program.project}/runs", json=body, headers={"Idempotency-Key": key})
            if answer.status_code == 201:
                return str(answer.json()["id"])
            assert answer.status_code == 503, f"{answer.status_code} {answer.text[:200]}"
            _started.again += 1  # type: ignore[attr-defined]
            time.sleep(0.1)
    raise AssertionError("a request was never answered")


_started.again = 0  # type: ignore[attr-defined]


def _over(place: Installation, runs: list[str]) -> int:
    return int(
        place.ask("SELECT count(*) FROM runs_run WHERE id = ANY(%s::uuid[]) AND state IN ('finished', 'failed')", runs)
    )


@contextmanager
def _trouble(place: Installation) -> Iterator[None]:
    """Every few seconds one of the two connections is slow, silent, or cut altogether."""
    over = threading.Event()

    def make() -> None:
        turn = 0
        while not over.wait(4):
            proxy = (place.to_database, place.to_broker)[turn % 2]
            kind = ("delay", "hold", "cut")[turn // 2 % 3]
            if kind == "cut":
                proxy.cut_all()
            proxy.delay, proxy.holds = (2.0 if kind == "delay" else 0.0), kind == "hold"
            over.wait(3)
            proxy.delay, proxy.holds = 0.0, False
            turn += 1

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
