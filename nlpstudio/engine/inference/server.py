"""The serve worker's HTTP face: a small ASGI app before the pool, for the web process on the same machine.

`POST /predict` `{model, engine, inputs, parameters, deadline_ms}` answers the prediction as it is, `POST /stream` a
line of JSON for each piece of a text as it is written, until the connection is closed; `POST /warm` `{model, engine}` begins to load a model; `POST /explain` `{model, inputs, target, deadline_ms}` says what speaks for a decision (see
`engine.inference.explaining`); `POST /embed` `{of, model, inputs, dataset, deadline_ms}` compares texts, or a text with the rows of a data set (see
`engine.inference.embedding`); `GET /models` lists what is loaded, `GET /health` answers. Errors are
`{"error": {code, message, hint}}` with 400, 404, 413, 429 (with Retry-After), 500, 503 or 504.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from nlpstudio.engine.errors import EngineError, UnsuitableInput
from nlpstudio.engine.inference import engines
from nlpstudio.engine.inference.batcher import QueueFull, TooLate
from nlpstudio.engine.inference.pool import Pool, UnknownModel
from nlpstudio.engine.inference.streams import SECONDS_MOST, AsyncSink

logger = logging.getLogger(__name__)

BODY_BYTES_MOST = 8 << 20
DEADLINE_SECONDS = 60.0
LINES = [(b"content-type", b"application/x-ndjson")]

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
T = TypeVar("T")


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: str, message: str, *, hint: str = "", retry_after: float = 0) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"code": code, "message": message, "hint": hint}}
        self.headers: Headers = [(b"retry-after", str(math.ceil(retry_after)).encode())] if retry_after else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """Pools of encoders by what they are of; where data sets lie, and where the vectors of their rows are kept."""

    pools: Mapping[str, Pool]
    datasets: Path
    cache: Path

    def parameters(self, pool: Pool, body: dict[str, Any]) -> dict[str, Any]:
        """What the encoder needs to know to look through `body["dataset"]`; nothing when there is none."""
        name = body.get("dataset")
        if not name:
            return {}
        folder = self.datasets / str(name)
        if PurePosixPath(str(name)).parts != (str(name),) or not folder.is_dir():
            raise Refusal(404, "embed.unknown_dataset", f"{name!r} is no data set here")
        key = hashlib.sha256(f"{pool.fingerprint(_name(body))} {name}".encode()).hexdigest()[:40]
        return {"dataset": str(folder), "cache": str(self.cache / f"{key}.f16")}


class ServeApp:
    """The ASGI application of one pool, of another one whose models explain, and of those that embed.

    Without the latter `/explain` and `/embed` are unknown.
    """

    def __init__(self, pool: Pool, explaining: Pool | None = None, embedding: Embedding | None = None) -> None:
        self._pool = pool
        self._explaining = explaining
        self._embedding = embedding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        try:
            if (scope["method"], scope["path"]) == ("POST", "/stream"):
                await self._stream(await _json(receive), receive, send)
                return
            answer = await self._route(scope["method"], scope["path"], receive)
        except Refusal as refusal:
            await _send(send, refusal.status, refusal.body, refusal.headers)
        else:
            await _send(send, 200, answer, [])

    async def _route(self, method: str, path: str, receive: Receive) -> Any:
        match method, path:
            case "GET", "/health":
                return {"status": "ok", "pid": os.getpid()}
            case "GET", "/models":
                return {"models": self._pool.describe()}
            case "POST", "/predict":
                return await self._predict(await _json(receive))
            case "POST", "/explain" if self._explaining is not None:
                return await self._explain(self._explaining, await _json(receive))
            case "POST", "/embed" if self._embedding is not None:
                return await self._embed(self._embedding, await _json(receive))
            case "POST", "/warm":
                return await self._warm(await _json(receive))
        raise Refusal(404, "not_found", f"there is no {method} {path}")

    async def _warm(self, body: dict[str, Any]) -> dict[str, str]:
        try:
            return {"state": await asyncio.to_thread(self._pool.warm, _name(body), engine=_engine(body))}
        except EngineError as error:
            raise _refusal_of(error) from error

    async def _predict(self, body: dict[str, Any]) -> Any:
        parameters = body.get("parameters") or {}
        if "inputs" not in body or not isinstance(parameters, dict):
            raise Refusal(400, UnsuitableInput.code, "inputs is missing, or parameters is no object")
        return await _answer(self._pool, body, body["inputs"], parameters, engine=_engine(body), in_parts=True)

    async def _stream(self, body: dict[str, Any], receive: Receive, send: Send) -> None:
        """Lines as they come. What is wrong before the first piece has its status, later it is the last line."""
        inputs, parameters, seconds = _asked(body)
        sink = AsyncSink()
        with _refusals(seconds):
            await asyncio.to_thread(self._pool.submit, _name(body), inputs, parameters, seconds=seconds, sink=sink)
        left = asyncio.create_task(_left(receive))
        try:
            with _refusals(seconds):
                piece = await _unless(left, sink.get(), seconds)
            await send({"type": "http.response.start", "status": 200, "headers": LINES})
            while piece is not None:
                await send({"type": "http.response.body", "body": _line(piece), "more_body": True})
                try:
                    with _refusals(SECONDS_MOST):
                        piece = await _unless(left, sink.get(), SECONDS_MOST)
                except Refusal as refusal:
                    piece = None
                    await send({"type": "http.response.body", "body": _line(refusal.body), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except ConnectionResetError:
            pass
        finally:
            sink.is_gone = True
            left.cancel()

    async def _explain(self, pool: Pool, body: dict[str, Any]) -> Any:
        if "inputs" not in body:
            raise Refusal(400, UnsuitableInput.code, "inputs is missing")
        # As a list, requests are never joined with others: each is a backward pass of its own.
        return await _answer(pool, body, [body["inputs"]], {"target": body.get("target")}, engine=engines.TORCH)

    async def _embed(self, embedding: Embedding, body: dict[str, Any]) -> Any:
        pool = embedding.pools.get(str(body.get("of")))
        if pool is None or not isinstance(body.get("inputs"), list):
            raise Refusal(400, UnsuitableInput.code, "inputs must be a list, and of say whose models are meant")
        with _refusals(DEADLINE_SECONDS):
            parameters = embedding.parameters(pool, body)
        return await _answer(pool, body, body["inputs"], parameters, engine=engines.TORCH)


async def _answer(
    pool: Pool, body: dict[str, Any], inputs: Any, parameters: dict[str, Any], *, engine: str, in_parts: bool = False
) -> Any:
    """Ask a model of the pool and wait no longer than the request allows."""
    seconds = min(DEADLINE_SECONDS, float(body.get("deadline_ms") or 1000 * DEADLINE_SECONDS) / 1000)
    with _refusals(seconds):
        # The pool opens files and may wait for a lock: not in the event loop.
        coming = await asyncio.to_thread(
            pool.submit, _name(body), inputs, parameters, seconds=seconds, engine=engine, in_parts=in_parts
        )
        return await asyncio.wait_for(asyncio.wrap_future(coming), timeout=seconds)


def _asked(body: dict[str, Any]) -> tuple[Any, dict[str, Any], float]:
    """Inputs, parameters and how many seconds there are."""
    parameters = body.get("parameters") or {}
    if "inputs" not in body or not isinstance(parameters, dict):
        raise Refusal(400, UnsuitableInput.code, "inputs is missing, or parameters is no object")
    seconds = min(DEADLINE_SECONDS, float(body.get("deadline_ms") or 1000 * DEADLINE_SECONDS) / 1000)
    return body["inputs"], parameters, seconds


@contextmanager
def _refusals(seconds: float) -> Iterator[None]:
    """What goes wrong in the pool, as an answer."""
    try:
        yield
    except QueueFull as error:
        raise Refusal(429, "serve.busy", str(error), retry_after=error.retry_after) from error
    except (TooLate, TimeoutError) as error:
        raise Refusal(504, "serve.too_late", f"no answer within {seconds:g} s", hint="Try again.") from error
    except EngineError as error:
        raise _refusal_of(error) from error
    except (Refusal, ConnectionResetError):
        raise
    except Exception as error:
        # The batcher has logged it. One prediction's bug must not look like a dead worker.
        hint = "The serve worker's log has the details."
        raise Refusal(500, "serve.failed", "The prediction stopped on an error of ours.", hint=hint) from error


async def _left(receive: Receive) -> None:
    """Until the one who asked goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unless(left: asyncio.Task[None], coming: Coroutine[Any, Any, T], seconds: float) -> T:
    """What is coming. Raises `ConnectionResetError` when the asker leaves first and `TimeoutError`."""
    task = asyncio.ensure_future(coming)
    done, _ = await asyncio.wait({task, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    if task in done:
        return task.result()
    task.cancel()
    raise ConnectionResetError if left in done else TimeoutError


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _refusal_of(error: EngineError) -> Refusal:
    statuses: dict[type[EngineError], int] = {UnsuitableInput: 400, UnknownModel: 404}
    return Refusal(statuses.get(type(error), 503), error.code, error.message, hint=error.hint)


def _name(body: dict[str, Any]) -> str:
    name = body.get("model")
    if not isinstance(name, str):
        raise Refusal(400, UnsuitableInput.code, "model must be the name of a folder")
    return name


def _engine(body: dict[str, Any]) -> str:
    engine = body.get("engine", engines.AUTOMATIC)
    if engine not in (engines.AUTOMATIC, *engines.ENGINES):
        raise Refusal(400, UnsuitableInput.code, f"engine must be one of {', '.join(engines.ENGINES)}")
    return str(engine)


async def _json(receive: Receive) -> dict[str, Any]:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, UnsuitableInput.code, "the request was broken off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > BODY_BYTES_MOST:
            raise Refusal(413, "predict.too_large", f"a request may have {BODY_BYTES_MOST >> 20} MB")
    try:
        body = json.loads(b"".join(parts))
    except ValueError as error:
        raise Refusal(400, UnsuitableInput.code, f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal(400, UnsuitableInput.code, "the body must be a JSON object")
    return body


async def _send(send: Send, status: int, body: Any, headers: Headers) -> None:
    content = json.dumps(body, ensure_ascii=False).encode()
    await send({
        "type": "http.response.start",
        "status": status,
        "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()), *headers],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": content})
