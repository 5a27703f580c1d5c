"""Heartbeats of workers, so that pages can say whether anybody is there to do the work."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from nlpstudio.core import clock
from nlpstudio.core.models import Worker


def beat(name: str, queue: str, **facts: Any) -> None:
    """Say that the worker `name` of `queue` is alive."""
    now = clock.now()
    values = {"queue": queue, "host": socket.gethostname(), "pid": os.getpid(), "seen_at": now, "facts": facts}
    if not Worker.objects.filter(name=name).update(**values):
        Worker.objects.create(name=name, started_at=now, **values)


def forget(name: str) -> None:
    """Say that the worker ended in order."""
    Worker.objects.filter(name=name).delete()


def is_alive(queue: str) -> bool:
    """Whether any worker of `queue` is alive."""
    return Worker.objects.alive().serving(queue).exists()


class Heart(threading.Thread):
    """Beats for a worker from a thread of its own until stopped. A database that is away is tried again."""

    def __init__(self, name: str, queue: str, **facts: Any) -> None:
        super().__init__(name=f"heart of {name}", daemon=True)
        self._worker = (name, queue)
        self._facts = facts
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            close_old_connections()
            try:
                beat(*self._worker, **self._facts)
            except DatabaseError:
                connection.close()
            self._stopped.wait(settings.HEARTBEAT_SECONDS)
        connection.close()

    def tell(self, **facts: Any) -> None:
        """Add to what the next beats say of the worker."""
        self._facts = self._facts | facts

    def stop(self) -> None:
        self._stopped.set()
