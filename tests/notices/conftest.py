"""A receiver of webhooks that runs in this process and keeps what it was sent, and the setting that lets us call it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Membership, Project, Role
from nlpstudio.runs.models import Run
from tests.published import dataset_version, outcome, own_files, publish, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "trained", "version"]


@dataclass
class Receiver:
    """Answers with `status`, after `wait` seconds, a byte at a time when it `drips`; keeps requests in `got`."""

    url: str = ""
    status: int = 204
    location: str = ""
    wait: float = 0.0
    drips: bool = False
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    server: Any = None


@pytest.fixture(autouse=True)
def nothing_was_counted_before() -> None:
    """How many letters and tests there were this hour is counted in the cache, which tests share."""
    cache.clear()


@pytest.fixture
def receiver(settings: LazySettings) -> Iterator[Receiver]:
    settings.WEBHOOK_NETWORKS = [ip_network("127.0.0.0/8")]
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            time.sleep(told.wait)
            if told.drips:
                self._drip()
                return
            self.send_response(told.status)
            if told.location:
                self.send_header("Location", told.location)
            self.end_headers()

        def _drip(self) -> None:
            try:
                for letter in b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 1000:
                    self.wfile.write(bytes([letter]))
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                return

        def log_message(self, *_args: Any) -> None:
            """Nothing to standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told.server = server
    told.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def maintainer(project: Project) -> User:
    user = User.objects.create_user("mary@example.org", "correct horse battery", name="Mary")
    Membership.objects.create(project=project, user=user, role=Role.MAINTAINER)
    return user


@pytest.fixture
def run(version: Any, project: Project, editor: User) -> Run:
    """The editor's, at its end; whether it finished or failed, each test says in the audit log."""
    return Run.objects.create(
        project=project, name="Better", dataset_version=version.dataset_version, base_model="tiny", spec=version.spec,
        state="finished", queued_at=timezone.now(), ended_at=timezone.now(), created_by=editor, metrics={"accuracy": 0.9},
    )  # fmt: skip
