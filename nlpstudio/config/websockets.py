"""The websocket addresses."""

from __future__ import annotations

from django.urls import path

from nlpstudio.runs.consumers import EventConsumer, RunConsumer

websocket_urlpatterns = [
    path("ws/runs/<uuid:run_id>/", RunConsumer.as_asgi()),
    path("ws/runs/<uuid:run_id>/events/", EventConsumer.as_asgi()),
]
