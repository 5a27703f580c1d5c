"""The real studio as its own processes: started by its command in a home of its own, asked over HTTP, ended by SIGTERM."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import psutil

from tests.tiny import tiny_base_model
from tests.tiny_writers import tiny_decoder

T = TypeVar("T")
ROOT = Path(__file__).parents[1]
ADMIN = "ada@example.org"
PASSWORD = "correct horse battery"
LEASE_SECONDS = 6
PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
"""Every wait is so many times as long: for a machine on which much else runs."""
START_SECONDS = 90
END_SECONDS = 15
OURS = (
    "STUDIO_",
    "DJANGO_",
    "DATABASE_URL",
    "TEST_DATABASE_URL",
    "REDIS_URL",
    "STORAGE_URL",
    "SECRET_KEY",
    "PYTEST_",
    "OIDC_",
)
"""What the suite or a developer may have set for itself; the studio under test starts without it."""


def until(ask: Callable[[], T | None], seconds: float, what: str) -> T:
    """The first true answer of `ask` within so many seconds, times `PATIENCE`."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
    return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, base_models: Path) -> dict[str, str]:
    """What a studio in `home` starts with. Nothing is downloaded: the base models of the first start fail at once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {
        "STUDIO_HOME": str(home),
        "STUDIO_ADMIN_EMAIL": ADMIN,
        "STUDIO_ADMIN_PASSWORD": PASSWORD,
        "STUDIO_BASE_MODELS": str(base_models),
        "STUDIO_EXPORT_ENGINES": "0",
        "STUDIO_LEASE_SECONDS": str(LEASE_SECONDS),
        "STUDIO_HEARTBEAT_SECONDS": "1",
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "OMP_NUM_THREADS": "1",
    }


def manage(*command: str, env: dict[str, str], timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """`manage.py COMMAND` as people run it."""
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout * PATIENCE,
    )


@dataclass
class Studio:
    """One `manage.py studio`. It can be ended and started again in the same home. `more` is added to its environment."""

    home: Path
    base_models: Path
    port: int = field(default_factory=free_port)
    more: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.home, self.base_models) | self.more

    @property
    def said(self) -> str:
        """What it has written to the terminal since it was started."""
        return (self.home.parent / "terminal.txt").read_text(encoding="utf-8")

    def start(self) -> None:
        """Return when it says that it is ready."""
        command = [sys.executable, "manage.py", "studio", "--port", str(self.port)]
        with (self.home.parent / "terminal.txt").open("wb") as terminal:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=terminal, stderr=subprocess.STDOUT
            )

        def is_ready() -> bool:
            assert self.process is not None and self.process.poll() is None, self.said
            return "Ctrl-C ends NLP Studio" in self.said

        until(is_ready, START_SECONDS, "the studio says that it is ready")

    def end(self) -> float:
        """Ask it to end as a service manager does; seconds until not one of its processes is left."""
        assert self.process is not None
        asked = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait((END_SECONDS + 5) * PATIENCE)
        until(lambda: not self.processes(), max(0.5, asked + END_SECONDS - time.monotonic()), "every child is gone")
        return time.monotonic() - asked

    def kill(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        for process in self.processes():
            process.kill()

    def processes(self, having: str = "") -> list[psutil.Process]:
        """The processes of this home with these words in their command, the oldest first.

        Most are known by their environment; the broker's is overwritten by its title, which names the home.
        """
        found = []
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline())
                is_ours = str(self.home) in words or process.environ().get("STUDIO_HOME") == str(self.home)
                if is_ours and process.status() != psutil.STATUS_ZOMBIE and having in words:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return sorted(found, key=lambda each: each.create_time())

    def sign_in_link(self) -> str:
        """The one-time link that it printed."""
        found = re.search(r"http://\S+/accounts/link/\S+", self.said)
        assert found is not None, self.said
        return found.group()

    def manage(self, *command: str) -> str:
        """What `manage.py COMMAND` in this home prints; it must succeed."""
        done = manage(*command, env=self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def api(self, email: str = ADMIN) -> httpx.Client:
        """A client of the API with a fresh token of that user."""
        token = self.manage("token", email)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.address}/api/v1/", headers=headers, timeout=30 * PATIENCE)


@contextmanager
def running(folder: Path, **more: str) -> Iterator[Studio]:
    """A studio in `folder` with the base models "tiny", an encoder, and "tiny-writer"; at the end it is ended, and each of its
    processes is gone.

    `more` is added to its environment.
    """
    tiny_base_model(folder / "base-models" / "tiny")
    tiny_decoder(folder / "base-models" / "tiny-writer", hidden_size=32, positions=2048)
    studio = Studio(home=folder / "home", base_models=folder / "base-models", more=more)
    try:
        studio.start()
        yield studio
        studio.end()
    finally:
        studio.kill()
