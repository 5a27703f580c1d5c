"""A limit on request bodies in front of Django, counted in bytes as they come, whatever their headers promise."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ROOM = 1024**2
"""What a form's other fields and the borders between them may take."""
CREDENTIALS = (b"cookie", b"authorization")


class TooLarge(Exception):
    """More bytes came than may."""


class BodyLimit:
    """Answers 413 to a body that is or becomes too large.

    Django would first put the whole body on disk, even of somebody who is then refused. A file may be as large as the
    settings allow, but only from somebody who brings a cookie or a token; any other body is small.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope.get("headers", ())}
        limit = limit_of(headers)
        promised = headers.get(b"content-length", b"0")
        if promised.isdigit() and int(promised) > limit:
            await _refuse(send, limit)
            return
        has_begun = False
        left = limit

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._application(scope, counted, noted)
        except TooLarge:
            if has_begun:
                raise
            await _refuse(send, limit)


def limit_of(headers: dict[bytes, bytes]) -> int:
    """Bytes that the body of a request with these headers may have."""
    is_form = headers.get(b"content-type", b"").lower().startswith(b"multipart/form-data")
    if is_form and any(name in headers for name in CREDENTIALS):
        return int(settings.MAX_UPLOAD_BYTES) + ROOM
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) + ROOM


async def _refuse(send: Send, limit: int) -> None:
    words = f"The request is larger than the {limit} bytes that are taken here."
    body = json.dumps({"error": {"code": "too_large", "message": words, "details": None}}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
