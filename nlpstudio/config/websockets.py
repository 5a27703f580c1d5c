"""The websocket addresses."""

from __future__ import annotations

from typing import Any

from channels.consumer import AsyncConsumer
from django.urls import path

from nlpstudio.runs.consumers import EventConsumer, RunConsumer


def _app(consumer: type[AsyncConsumer]) -> Any:
    return consumer.as_asgi()


# Django types `path` for HTTP views only; Channels routes ASGI applications by it.
websocket_urlpatterns: list[Any] = [
    path("ws/runs/<uuid:run_id>/", _app(RunConsumer)),
    path("ws/runs/<uuid:run_id>/events/", _app(EventConsumer)),
]
