"""A real server on a real socket, in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any, **place: Any) -> Iterator[str]:
    """Uvicorn with `app` on `uds=` or on a free port of this machine; yields its address."""
    place = place or {"host": "127.0.0.1", "port": 0}
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="warning", ws="websockets-sansio", **place))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline
        time.sleep(0.005)
    port = None if "uds" in place else server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}" if port else ""
    finally:
        server.should_exit = True
        thread.join(10)
