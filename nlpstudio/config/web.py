"""The web process of one machine, on a socket that its parent holds: while it is started again people wait instead of being refused.

`python -m nlpstudio.config.web FD`: FD is a listening socket.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import uvicorn

GRACE_SECONDS = 5
LAST_CALL_SECONDS = 0.3


class PatientServer(uvicorn.Server):
    """At its end it first stops taking connections, then gives those that it took a moment to say what they want."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_CALL_SECONDS)
        await super().shutdown(sockets)


def main(descriptor: int) -> None:
    config = uvicorn.Config(
        "nlpstudio.config.asgi:application",
        log_level="warning",
        access_log=False,
        ws_max_size=65536,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    PatientServer(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
