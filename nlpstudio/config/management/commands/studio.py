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
from dataclasses import dataclass
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
BACKLOG = 2048
IO_PROCESSES = 3
"""The first start fetches two base models: an upload need not wait for them."""


@dataclass
class Listeners:
    """The sockets on which children of ours take connections."""

    web: socket.socket
    serve: socket.socket | None = None


class Command(BaseCommand):
    """Migrate, first-run set-up, broker, workers, serve and web, until Ctrl-C or SIGTERM."""

    help = "Start everything on this machine. Ctrl-C ends it all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default 8000)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        _require_security(host)
        listeners = Listeners(web=_listen(host, port))
        lock = _only_one(settings.STUDIO_HOME / "run" / "studio.lock")
        supervisor = Supervisor(environment=_environment(), logs=settings.STUDIO_HOME / "logs", say=self.say)

        def ask_to_end(number: int, frame: FrameType | None) -> None:
            raise KeyboardInterrupt

        signal.signal(signal.SIGTERM, ask_to_end)
        try:
            listeners.serve = _listen_at(settings.SERVE_SOCKET)
            self._run(supervisor, listeners, host, port)
        except KeyboardInterrupt:
            self.say("Ending.")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            supervisor.end()
            lock.close()

    def say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

    def _run(self, supervisor: Supervisor, listeners: Listeners, host: str, port: int) -> None:
        self.say("NLP Studio is starting …")
        if settings.REDIS_URL.startswith("unix://"):
            supervisor.start("broker", broker.command(settings.EMBEDDED_SOCKET, settings.STUDIO_HOME / "broker"))
        upgrade.migrate(self.say)
        call_command("collectstatic", interactive=False, verbosity=0, stdout=io.StringIO())
        broker.wait_until_it_answers(settings.REDIS_URL)
        _start_processes(supervisor, listeners)
        welcome = first_start.prepare(
            email=os.environ.get("STUDIO_ADMIN_EMAIL", "admin@studio.local"),
            password=os.environ.get("STUDIO_ADMIN_PASSWORD"),
        )
        address = f"http://{'localhost' if host in LOOPBACK else host}:{port}"
        _wait_for_web(port, host)
        self.say(f"\n  NLP Studio is ready:  {address}")
        if welcome.link:
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


def _start_processes(supervisor: Supervisor, listeners: Listeners) -> None:
    python = sys.executable
    celery = [python, "-m", "celery", "-A", "nlpstudio.config", "worker", "--loglevel", "WARNING"]
    beat = str(settings.STUDIO_HOME / "run" / "beat")
    _start_listening(supervisor, "web", [python, "-m", "nlpstudio.config.web"], listeners.web)
    supervisor.start("io worker", [*celery, "-Q", "io", "-c", str(IO_PROCESSES), "-n", "io@%h", "-B", "-s", beat])
    supervisor.start("train worker", [*celery, "-Q", "train", "-c", "1", "-n", "train@%h"])
    _start_listening(supervisor, "serve worker", [python, "manage.py", "serve", "--listener"], listeners.serve)


def _start_listening(supervisor: Supervisor, name: str, command: list[str], listener: socket.socket | None) -> None:
    """Start what takes connections from a socket of ours, whose number is the last word of its command."""
    assert listener is not None, f"the {name} has no socket"
    supervisor.start(name, [*command, str(listener.fileno())], inherits=[listener.fileno()])


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


def _listen(host: str, port: int) -> socket.socket:
    """The socket that people reach. It is ours and not the web process's: whoever comes while that starts again waits here."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise CommandError(f"Port {port} on {host} cannot be used ({why}). Choose another with --port.") from error


def _listen_at(path: Path) -> socket.socket:
    """The serve worker's socket, likewise. Only this user reaches it."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    return listener


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
