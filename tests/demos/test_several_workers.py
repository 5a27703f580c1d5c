"""Several serve workers: models are shared out among them, and requests go on when one is full or dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from nlpstudio.config.environment import serve_urls
from nlpstudio.demos import places, services
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.inference.server import ServeApp
from nlpstudio.registry.models import ModelVersion
from tests.live import serving
from tests.studio import ROOT, free_port, until

START_SECONDS = 90


@pytest.fixture(autouse=True)
def nobody_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_away", {})


@pytest.fixture
def workers(own_files: Path, tmp_path: Path, settings: Any) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Two real serve processes by their address; they read what this test publishes."""
    environment = {**os.environ, "STUDIO_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    environment |= {"DJANGO_SETTINGS_MODULE": "nlpstudio.config.settings.test"}
    started: dict[str, subprocess.Popen[bytes]] = {}
    for _ in range(2):
        port = free_port()
        command = [sys.executable, "manage.py", "serve", "--port", str(port)]
        started[f"http://127.0.0.1:{port}"] = subprocess.Popen(command, cwd=ROOT, env=environment)
    settings.SERVE_URLS = list(started)
    try:
        for url, process in started.items():
            until(lambda url=url, process=process: _is_up(url, process), START_SECONDS, "the worker answers")  # type: ignore[misc]
        yield started
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def _is_up(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return httpx.get(f"{url}/health", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def requests(url: str) -> int:
    """How many the worker has answered with its models."""
    return sum(each["requests"] for each in httpx.get(f"{url}/models", trust_env=False).json()["models"])


def warm_up(url: str, version: ModelVersion) -> None:
    body = {"model": f"{version.pk}/{version.artifact.name}", "engine": version.answering_engine}

    def is_ready() -> bool:
        return bool(httpx.post(f"{url}/warm", json=body, trust_env=False, timeout=30).json()["state"] == "ready")

    until(is_ready, START_SECONDS, "the worker has loaded the model")


@pytest.mark.slow
def test_requests_are_still_answered_when_one_of_two_workers_is_killed(
    workers: dict[str, subprocess.Popen[bytes]], version: ModelVersion
) -> None:
    text, stop = "the film was good", threading.Event()
    expected = [each["label"] for each in Predictor.load(version.artifact).predict(text)[0]]  # type: ignore[union-attr,index,typeddict-item]
    own, other = places.of(version.pk)
    for url in workers:
        warm_up(url, version)

    def ask_on() -> list[list[str]]:
        answers = []
        while not stop.is_set():
            answers.append([each["label"] for each in services.predict(version, text).prediction[0]])
        return answers

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask_on) for _ in range(4)]
        until(lambda: requests(own) > 20, 60, "the model's own worker answers")
        assert requests(other) == 0
        workers[own].kill()
        until(lambda: requests(other) > 20, 60, "the other worker takes over")
        stop.set()
        answers = [answer for each in asking for answer in each.result()]
    assert len(answers) > 40 and all(answer == expected for answer in answers)
    workers[other].kill()
    with pytest.raises(services.ServeAway):
        services.predict(version, text)


def test_a_question_that_finds_its_worker_full_is_taken_by_another(
    version: ModelVersion, own_files: Path, tmp_path_factory: pytest.TempPathFactory, settings: Any
) -> None:
    pools: dict[str, Pool] = {}
    with ExitStack() as stack:
        for name in "ab":
            socket = tmp_path_factory.mktemp(name) / "s"
            pool = Pool(own_files / "models", Predictor.load, budget_bytes=1 << 30)
            stack.callback(pool.close)
            stack.enter_context(serving(ServeApp(pool), uds=str(socket)))
            pools[f"unix://{socket}"] = pool
        settings.SERVE_URLS = list(pools)
        own, other = (pools[place] for place in places.of(version.pk))
        services.predict(version, "good")
        own._get(f"{version.pk}/model").batcher._waiting_most = 0
        for _ in range(2):
            services.predict(version, "good")
        assert [pool.describe()[0]["requests"] for pool in (own, other)] == [1, 2]
        other._get(f"{version.pk}/model").batcher._waiting_most = 0
        with pytest.raises(services.ServeRefused) as refused:
            services.predict(version, "good")
        assert refused.value.status == 429 and refused.value.retry_after >= 1


def test_models_are_shared_out_and_stay_where_they_are(settings: Any) -> None:
    settings.SERVE_URLS = [f"http://{name}:8100" for name in "abc"]
    models = [uuid4() for _ in range(300)]
    first = {model: places.of(model)[0] for model in models}
    assert all(60 < list(first.values()).count(place) < 140 for place in settings.SERVE_URLS)
    settings.SERVE_URLS = settings.SERVE_URLS[:2]
    moved = [model for model in models if places.of(model)[0] != first[model]]
    assert {first[model] for model in moved} == {"http://c:8100"}
    places.found_away("http://a:8100")
    assert {places.of(model)[0] for model in models} == {"http://b:8100"}
    assert {places.of(model)[1] for model in models} == {"http://a:8100"}


def test_addresses_are_read_and_nonsense_is_refused() -> None:
    assert serve_urls("") == []
    assert serve_urls("http://one:8100/, https://two,unix:///run/s") == [
        "http://one:8100",
        "https://two",
        "unix:///run/s",
    ]
    for nonsense in ("one:8100", "http://", "redis://one", "unix://"):
        with pytest.raises(ImproperlyConfigured, match="SERVE_URL"):
            serve_urls(nonsense)


@pytest.mark.parametrize("status", [502, 200])
def test_a_proxy_whose_workers_are_away_is_nobody_there(version: ModelVersion, settings: Any, status: int) -> None:
    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<html>Bad Gateway</html>"})

    with serving(proxy) as address:
        settings.SERVE_URLS = [address]
        with pytest.raises(services.ServeAway):
            services.predict(version, "good")
        with pytest.raises(services.ServeAway):
            services.warm(version)
