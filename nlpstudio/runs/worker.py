"""What a Celery worker does at its start and its end: its heartbeat, its spare process, its shutdown."""

from __future__ import annotations

import os
from typing import Any

from celery.signals import (
    celeryd_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from django.conf import settings

from nlpstudio.core import workers
from nlpstudio.core.leaving import LEAVING
from nlpstudio.runs.speed import Speedometer
from nlpstudio.runs.wiring import SPARE

TRAIN = "train"


class Presence:
    """This worker: its name and queues, known to its pool processes too, because they are forked from it."""

    def __init__(self) -> None:
        self.name = f"worker-{os.getpid()}"
        self.queues: list[str] = []
        self._hearts: list[workers.Heart] = []
        self._speedometer: Speedometer | None = None

    def begin(self, name: str, queues: list[str]) -> None:
        self.name, self.queues = name, queues
        LEAVING.begin()

    def is_leaving(self) -> bool:
        """Whether the worker is being shut down, or a pool process has lost its main process."""
        return LEAVING.is_leaving()

    def prepare_spare(self) -> None:
        """Have a trainer ready for the next run, in a worker that takes runs."""
        if TRAIN in self.queues:
            SPARE.prepare()

    def start_hearts(self) -> None:
        self._hearts = [
            workers.Heart(f"{self.name}/{queue}", queue, labels=settings.WORKER_LABELS) for queue in self.queues
        ]
        for heart in self._hearts:
            heart.start()
        if TRAIN in self.queues:
            self._speedometer = Speedometer(self._hearts[self.queues.index(TRAIN)])
            self._speedometer.start()

    def stop_hearts(self) -> None:
        if self._speedometer is not None:
            self._speedometer.cancel()
        for heart in self._hearts:
            heart.stop()
            heart.join(timeout=2)
        for queue in self.queues:
            workers.forget(f"{self.name}/{queue}")


PRESENCE = Presence()


@celeryd_init.connect
def _know_the_queues(sender: str, options: dict[str, Any], **kwargs: Any) -> None:
    named = options.get("queues") or ["io"]
    PRESENCE.begin(sender, named.split(",") if isinstance(named, str) else list(named))


@worker_ready.connect
def _start_hearts(**kwargs: Any) -> None:
    PRESENCE.start_hearts()


@worker_process_init.connect
def _prepare_the_pool_process(**kwargs: Any) -> None:
    LEAVING.remember_parent()
    PRESENCE.prepare_spare()


@worker_shutting_down.connect
def _tell_the_pool(**kwargs: Any) -> None:
    LEAVING.leave()


@worker_process_shutdown.connect
def _drop_the_spare(**kwargs: Any) -> None:
    SPARE.drop()


@worker_shutdown.connect
def _stop_hearts(**kwargs: Any) -> None:
    SPARE.drop()
    PRESENCE.stop_hearts()
