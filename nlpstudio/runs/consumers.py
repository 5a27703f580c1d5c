"""Live updates of runs."""

from __future__ import annotations

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class RunConsumer(AsyncJsonWebsocketConsumer):
    """Fragments of the run page."""


class EventConsumer(AsyncJsonWebsocketConsumer):
    """Events as they are stored."""
