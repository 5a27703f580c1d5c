"""Bodies are counted as they come, over a real socket and in front of Django."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from nlpstudio.core.bodies import ROOM, BodyLimit
from tests.live import serving

SMALL, LARGE = 4096, 64 * 1024
TAKEN: list[int] = []


async def application(scope, receive, send) -> None:
    """Reads the whole body, as Django does, and answers."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    TAKEN.append(size)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


@pytest.fixture
def address(settings) -> Iterator[str]:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.MAX_UPLOAD_BYTES = SMALL, LARGE + ROOM
    TAKEN.clear()
    with serving(BodyLimit(application)) as found:
        yield found


@pytest.mark.parametrize(
    ("kind", "headers", "size", "status"),
    [
        ("application/json", {}, SMALL + ROOM, 200),
        ("application/json", {}, SMALL + ROOM + 1, 413),
        ("multipart/form-data; boundary=x", {}, SMALL + ROOM + 1, 413),
        ("multipart/form-data; boundary=x", {"Cookie": "sessionid=x"}, LARGE + 2 * ROOM, 200),
        ("multipart/form-data; boundary=x", {"Authorization": "Bearer x"}, LARGE + 2 * ROOM + 1, 413),
    ],
)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["promised", "chunked"])
def test_a_body_is_taken_up_to_its_limit(address: str, kind, headers, size: int, status: int, is_chunked: bool):
    body = b"x" * size
    pieces = (body[at : at + 65_536] for at in range(0, size, 65_536))
    answer = httpx.post(address, content=pieces if is_chunked else body, headers={**headers, "Content-Type": kind})
    assert answer.status_code == status
    assert ([size] if status == 200 else []) == TAKEN


def test_a_promise_that_is_too_large_is_refused_before_a_byte_is_read(address: str):
    host, _, port = address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as opened:
        opened.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000000\r\n\r\n")
        assert opened.recv(100).startswith(b"HTTP/1.1 413")
    assert TAKEN == []
