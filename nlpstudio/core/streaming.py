"""Long answers in small pieces, without holding the web process's event loop or the whole body in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

CHUNK = 256 * 1024


async def in_thread(pieces: Iterable[bytes], *, from_database: bool = False) -> AsyncIterator[bytes]:
    """The pieces, each made in a thread. Under ASGI, Django would collect a plain iterator into one list first.

    Only pieces `from_database` may touch it: they are made in the request's own thread, to which its connections
    belong. They must not hold a cursor open from one piece to the next.
    """
    iterator = iter(pieces)
    take = sync_to_async(lambda: next(iterator, None), thread_sensitive=from_database)
    while (piece := await take()) is not None:
        yield piece


def attachment(
    pieces: Iterable[bytes], name: str, content_type: str, *, from_database: bool = False
) -> StreamingHttpResponse:
    """A download under the name `name`. Never shown inline, whatever it holds."""
    stream = in_thread(gathered(pieces), from_database=from_database)
    response = StreamingHttpResponse(stream, content_type=content_type)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def file_attachment(path: Path, name: str, content_type: str = "application/octet-stream") -> StreamingHttpResponse:
    """The file at `path` as a download. Raises `FileNotFoundError` at once, not in mid-answer."""
    size = path.stat().st_size
    response = attachment(read_pieces(path), name, content_type)
    response["Content-Length"] = str(size)
    return response


def read_pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, `CHUNK` at a time."""
    with path.open("rb") as stream:
        while piece := stream.read(CHUNK):
            yield piece


def gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Small pieces joined to about `CHUNK` bytes each, because every piece costs a change of thread."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        if len(buffer) >= CHUNK:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)
