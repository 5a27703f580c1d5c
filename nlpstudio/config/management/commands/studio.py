"""`manage.py studio`: everything on one machine, in the foreground."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import IO, Any

import httpx
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from nlpstudio.config import broker, first_start
from nlpstudio.config.insecure import refuse
from nlpstudio.config.processes import Supervisor
from nlpstudio.operations import upgrade

LOOPBACK = ("127.0.0.1", "localhost", "::1")
WEB_START_SECONDS = 60
IO_PROCESSES = 3
"""The first start fetches two base models: an upload need not wait for them."""


class Command(BaseCommand):
    """Migrate, first-run set-up, broker, workers, serve and web, until Ctrl-C or SIGTERM."""

    help = "Start everything on this machine. Ctrl-C ends it all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        _require_security(host)
        _require_free_port(host, port)
        lock = _only_one(settings.STUDIO_HOME / "run" / "studio.lock")
        supervisor = Supervisor(environment=_environment(), logs=settings.STUDIO_HOME / "logs", say=self.say)

        def ask_to_end(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, ask_to_end)
        try:
            self._run(supervisor, host, port)
        except KeyboardInterrupt:
            self.say("Ending.")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervisor.end()
            lock.close()

    def say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

    def _run(self, supervisor: Supervisor, host: str, port: int) -> None:
        self.say("NLP Studio is starting …")
        if settings.REDIS_URL.startswith("unix://"):
            supervisor.start("broker", broker.command(settings.EMBEDDED_SOCKET, settings.STUDIO_HOME / "broker"))
        upgrade.migrate(self.say)
        call_command("collectstatic", interactive=False, verbosity=0, stdout=io.StringIO())
        broker.wait_until_it_answers(settings.REDIS_URL)
        _start_processes(supervisor, host, port)
        welcome = first_start.prepare(
            email=os.environ.get("STUDIO_ADMIN_EMAIL", "admin@studio.local"),
            password=os.environ.get("STUDIO_ADMIN_PASSWORD"),
        )
        address = f"http://{'localhost' if host in LOOPBACK else host}:{port}"
        _wait_for_web(port, host)
        self.say(f"\n  NLP Studio is ready:  {address}")
        self.say(f"  Sign in once with:    {address}{welcome.link}")
        self.say(f"  Or as:                {welcome.user.email}")
        if welcome.password:
            self.say(f"  Password (shown only this once): {welcome.password}")
        if host not in LOOPBACK and not settings.HTTPS:
            self.say("  Others on the network can read along: put a proxy with TLS before it and set PUBLIC_URL.")
        self.say(
            f"\n  Everything is kept in {settings.STUDIO_HOME}, messages in its folder logs. Ctrl-C ends NLP Studio.\n"
        )
        supervisor.watch()


def _start_processes(supervisor: Supervisor, host: str, port: int) -> None:
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "nlpstudio.config", "worker", "--loglevel", "WARNING"]
    beat = str(settings.STUDIO_HOME / "run" / "beat")
    supervisor.start("web", _web_command(python, host, port))
    supervisor.start("io worker", [*celery, "-Q", "io", "-c", str(IO_PROCESSES), "-n", "io@%h", "-B", "-s", beat])
    supervisor.start("train worker", [*celery, "-Q", "train", "-c", "1", "-n", "train@%h"])
    supervisor.start("serve worker", [python, "manage.py", "serve"])


def _web_command(python: str, host: str, port: int) -> list[str]:
    options = {
        "--host": host,
        "--port": str(port),
        "--log-level": "warning",
        "--ws-max-size": "65536",
        "--ws-per-message-deflate": "false",
        "--timeout-graceful-shutdown": "5",
    }
    flat = [part for pair in options.items() for part in pair]
    return [python, "-m", "uvicorn", "nlpstudio.config.asgi:application", "--no-access-log", *flat]


def _environment() -> dict[str, str]:
    """What all children get. Spinning threads would starve the other processes: see docs/adr."""
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "STUDIO_HOME": str(settings.STUDIO_HOME),
    }


def _require_security(host: str) -> None:
    try:
        refuse(settings, host)
    except ImproperlyConfigured as error:
        raise CommandError(str(error)) from error


def _require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} on {host} cannot be used ({error.strerror}). Choose another with --port."
            ) from error


def _only_one(path: Path) -> IO[str]:
    """Hold the home's lock: two studios in one home would run everything twice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise CommandError(
            f"NLP Studio already runs in {settings.STUDIO_HOME}. End it first, or set STUDIO_HOME to another folder."
        ) from error
    return file


def _wait_for_web(port: int, host: str) -> None:
    target = "127.0.0.1" if host in ("0.0.0.0", "localhost") else f"[{host}]" if ":" in host else host
    deadline = time.monotonic() + WEB_START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"http://{target}:{port}/healthz", headers={"Host": "localhost"}, timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise CommandError(f"The web process does not answer. Its messages: {settings.STUDIO_HOME / 'logs' / 'web.log'}")
