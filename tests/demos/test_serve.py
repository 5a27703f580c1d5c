"""The serve worker as a process of its own: it says that it is alive, answers, and ends in order."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx
import pytest

from tests.published import Train

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_process_answers_on_its_socket_and_ends_when_asked(trained: Train, tmp_path: Path) -> None:
    home, name = tmp_path / "home", str(uuid.uuid4())
    shutil.copytree(trained("classification").out, home / "files" / "models" / name)
    environment = {
        **os.environ,
        "STUDIO_HOME": str(home),
        "DJANGO_SETTINGS_MODULE": "nlpstudio.config.settings.test",
        "DATABASE_URL": f"sqlite:///{home}/db.sqlite3",
        "OMP_NUM_THREADS": "1",
        "STUDIO_HEARTBEAT_SECONDS": "1",
    }
    environment.pop("TEST_DATABASE_URL", None)
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    socket = tmp_path / "s"
    process = subprocess.Popen([*manage, "serve", "--socket", str(socket)], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + 60
        while not socket.exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://serve", timeout=30
        ) as client:
            body = {"model": f"{name}/model", "inputs": "good film", "parameters": {}, "deadline_ms": 20_000}
            answer = client.post("/predict", json=body)
            assert answer.status_code == 200 and {each["label"] for each in answer.json()[0]} == {
                "negative",
                "positive",
            }
            models = client.get("/models").json()["models"]
            assert [(each["state"], each["requests"], each["task"]) for each in models] == [
                ("ready", 1, "classification")
            ]
            assert client.post("/predict", json={**body, "model": "../db.sqlite3"}).status_code == 404
            assert client.post("/predict", content=b"{").status_code == 400
            assert client.get("/health").json() == {"status": "ok", "pid": process.pid}
        assert _workers(manage, environment) == ["serve"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert _workers(manage, environment) == []
    finally:
        process.kill()
        process.wait()


def _workers(manage: list[str], environment: dict[str, str]) -> list[str]:
    code = "from nlpstudio.core.models import Worker; print(*Worker.objects.values_list('queue', flat=True))"
    command = [*manage, "shell", "--no-imports", "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.split()
