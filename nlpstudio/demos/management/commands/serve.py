"""The serve worker: loads published models on demand, each in a process of its own, and answers demos and the API."""

from __future__ import annotations

import os
import signal
import socket
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from nlpstudio.core import workers
from nlpstudio.demos import services
from nlpstudio.engine import shelf
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.process import EMBEDS, EXPLAINS, ProcessPredictor, prepare
from nlpstudio.engine.inference.server import Embedding, ServeApp

GRACE_SECONDS = 5
EXPLANATIONS_WAITING = 4


class Command(BaseCommand):
    help = "Answer predictions until told to end. Listens on a private socket unless a port is given."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--socket", type=Path, default=settings.SERVE_SOCKET, help="unix socket to listen on")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, help="listen on TCP instead of the socket")
        parser.add_argument("--listener", type=int, help="the number of a socket that listens already")

    def handle(self, *args: Any, **options: Any) -> None:
        context, root = prepare(), Path(settings.FILES_ROOT) / "models"
        pool = Pool(root, partial(ProcessPredictor, context), budget_bytes=settings.SERVE_MEMORY_MB * 1024**2)
        # One model at a time, and few who wait: explaining is a luxury that must not crowd out answers.
        explains = partial(ProcessPredictor, context, role=EXPLAINS)
        explaining = Pool(root, explains, budget_bytes=0, waiting_most=EXPLANATIONS_WAITING)
        embeds = partial(ProcessPredictor, context, role=EMBEDS)
        encoders = {
            of: Pool(folder, embeds, budget_bytes=0, waiting_most=EXPLANATIONS_WAITING)
            for of, folder in ((services.VERSIONS, root), (services.BASE_MODELS, shelf.home()))
        }
        embedding = Embedding(
            pools=encoders,
            datasets=Path(settings.FILES_ROOT) / "datasets",
            cache=Path(settings.STUDIO_HOME) / "embeddings",
        )
        place = (
            {"host": options["host"], "port": options["port"]} if options["port"] else {"uds": str(options["socket"])}
        )
        config = uvicorn.Config(
            ServeApp(pool, explaining, embedding),
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            **place,
        )
        name = f"serve@{socket.gethostname()}:{os.getpid()}"
        heart = workers.Heart(name, "serve", **{key: str(value) for key, value in place.items()})
        # uvicorn ends in order and then raises the signal again, which must not cut off what follows.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        heart.start()
        try:
            given = options["listener"]
            uvicorn.Server(config).run(sockets=None if given is None else [socket.socket(fileno=given)])
        finally:
            heart.stop()
            heart.join()
            workers.forget(name)
            for each in (pool, explaining, *encoders.values()):
                each.close()
