"""transformers.pipeline behind an ASGI server, as one writes it in an afternoon: a thread pool around the call.

python -m bench.serving.pipeline_server MODEL PORT
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import torch
import uvicorn
from transformers import pipeline


def app(model: str) -> Any:
    torch.set_num_threads(1)
    answer: Any = pipeline("text-classification", model=model, device="cpu", top_k=None)

    async def serve(
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        asked = json.loads(b"".join(parts))
        content = json.dumps(await asyncio.to_thread(answer, asked["inputs"])).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": content})

    return serve


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[1]), port=int(sys.argv[2]), log_level="warning", lifespan="off", access_log=False)
