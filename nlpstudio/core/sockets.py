"""Which web sites may open a websocket here."""

from __future__ import annotations

from typing import Any

from channels.security.websocket import OriginValidator
from django.conf import settings


class OwnOrigin(OriginValidator):
    """Lets in pages of our own hosts, and programs: those that bring a token and no origin.

    A browser always says which site opened the socket and cannot add a token, so a foreign site
    can use neither its visitor's cookie nor this exception.
    """

    def __init__(self, application: Any) -> None:
        super().__init__(application, settings.ALLOWED_HOSTS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        inner: Any = self.application
        headers = dict(scope.get("headers", []))
        if b"origin" not in headers and headers.get(b"authorization", b"").lower().startswith(b"bearer "):
            return await inner(scope, receive, send)
        return await super().__call__(scope, receive, send)
