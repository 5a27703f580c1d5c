"""Texts from the serve worker as they are written; nothing here waits in a thread, and leaving ends the writing."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from asgiref.sync import sync_to_async

from nlpstudio.demos import places, services
from nlpstudio.registry import usage
from nlpstudio.registry.models import ModelVersion

FIRST_SECONDS = 60.0
"""How long the first piece may take: the model may have to be loaded."""
BETWEEN_SECONDS = 120.0
UNBUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Headers that keep proxies from holding pieces back."""


class Stream:
    """An answer on its way: iterate over its pieces, each {"text", "tokens", "prompt_tokens"}, the last with "finish".

    `close` (or the end) lets go of the worker, which then writes no further.
    """

    def __init__(
        self, client: httpx.AsyncClient, response: httpx.Response, told: Callable[[bool], Awaitable[None]]
    ) -> None:
        self._client = client
        self._response = response
        self._lines = response.aiter_lines()
        self._told = told

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Raises `ServeAway` when the worker goes and `ServeRefused` when it says that it cannot go on."""
        failed = True
        try:
            async for line in self._lines:
                piece: dict[str, Any] = json.loads(line)
                if "error" in piece:
                    error = piece["error"]
                    raise services.ServeRefused(error["message"], hint=error["hint"], code=error["code"])
                yield piece
            failed = False
        except GeneratorExit:
            failed = False  # who asked has read enough
            raise
        except httpx.TransportError as error:
            raise services.away() from error
        finally:
            await self._told(failed)
            await self.close()

    async def close(self) -> None:
        await self._response.aclose()
        await self._client.aclose()


async def begin(version: ModelVersion, inputs: Any, parameters: dict[str, Any], *, source: str) -> Stream:
    """Ask the model to write. Raises what `services.predict` raises, before anything is written.

    The request is counted for the version under `source` when it has ended.
    """
    started = time.perf_counter()

    async def told(failed: bool) -> None:
        seconds = time.perf_counter() - started
        await sync_to_async(usage.COUNTER.add)(version.pk, source, seconds=seconds, failed=failed)

    body = services.packed({**services.body_of(version, inputs, parameters), "deadline_ms": 1000 * FIRST_SECONDS})
    error: Exception = services.away()
    for place in places.of(version.pk):
        client = _client(place)
        try:
            request = client.build_request("POST", "/stream", content=body, headers=services.JSON)
            response = await client.send(request, stream=True)
            is_told = services.is_a_workers(response, place)
            if is_told and response.status_code == 200:
                return Stream(client, response, told)
            await response.aread()
        except httpx.ReadTimeout:  # it is there, and slow; there is no time to ask another
            await client.aclose()
            break
        except httpx.TransportError:
            await client.aclose()
            places.found_away(place)
            continue
        except BaseException:
            await client.aclose()
            raise
        await client.aclose()
        if not is_told:
            places.found_away(place)
            continue
        error = services.error_of(response)
        if response.status_code != services.BUSY:
            break
    await told(True)
    raise error


def _client(place: str) -> httpx.AsyncClient:
    base, dialling = places.dialling(place)
    timeout = httpx.Timeout(BETWEEN_SECONDS, connect=places.CONNECT_SECONDS)
    transport = httpx.AsyncHTTPTransport(**dialling)
    return httpx.AsyncClient(transport=transport, base_url=base, timeout=timeout, trust_env=False)
