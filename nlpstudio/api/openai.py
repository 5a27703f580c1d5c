"""The parts of OpenAI's API that generation models can answer, so that its clients work with a studio's token.

https://platform.openai.com/docs/api-reference: models, chat completions and completions, streamed or whole.
What is asked for and cannot be done is refused, never passed over.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from asgiref.sync import sync_to_async
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, ValidationError
from ninja.security import HttpBearer

from nlpstudio.accounts.models import ApiToken
from nlpstudio.api import writers
from nlpstudio.api.scopes import token_to_predict
from nlpstudio.core.errors import StudioError
from nlpstudio.demos import streams
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.registry.models import ModelVersion

PROMPTS_MOST = 16
"""Prompts of one request, which counts as one against a token's rate."""
CUT_OFF = "length"
"""Why an answer ended that was not told: it took longer than an answer may."""


class TokenRequest(HttpRequest):
    """A request that came with a good token, which is its `auth`."""

    auth: ApiToken


class AsyncBearer(HttpBearer):
    """The studio's tokens, looked up without holding the event loop. One that may only predict is enough."""

    async def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        return await sync_to_async(token_to_predict)(token)


api = NinjaAPI(
    title="NLP Studio, OpenAI-compatible",
    version="1.0.0",
    description="Models that write, asked as OpenAI's are.",
    auth=AsyncBearer(),
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="openai",
)


class StreamOptions(Schema):
    """`include_usage`: the last piece has the counts of tokens and no choice."""

    include_usage: bool = False


class WritingIn(Schema):
    """What both kinds of request share."""

    model: str
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = 1
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    frequency_penalty: float | None = 0
    presence_penalty: float | None = 0
    logit_bias: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    response_format: Any = None
    modalities: Any = None
    audio: Any = None
    tools: Any = None
    functions: Any = None
    suffix: Any = None
    best_of: Any = None

    def parameters(self) -> dict[str, Any]:
        """In the engine's names. As with OpenAI, the temperature is 1 unless it is said."""
        given = {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": self.top_p,
            "max_new_tokens": self.most_tokens(),
            "stop": self.stop,
            "seed": self.seed,
        }
        return {name: value for name, value in given.items() if value is not None}

    def most_tokens(self) -> int | None:
        return self.max_tokens

    def refuse_unknown(self) -> None:
        """Raises `UnsuitableInput` for what changes answers and is not done here."""
        asked = {
            "n": self.n not in (None, 1),
            "frequency_penalty": bool(self.frequency_penalty),
            "presence_penalty": bool(self.presence_penalty),
            **{name: getattr(self, name) not in IDLE for name in REFUSED},
        }
        for name, is_asked in asked.items():
            if is_asked:
                raise UnsuitableInput(f"{name} is not supported by this server")


REFUSED = (
    "logit_bias", "logprobs", "top_logprobs", "response_format", "modalities", "audio", "tools", "functions", "suffix",
    "best_of",
)  # fmt: skip
IDLE: tuple[Any, ...] = (None, False, [], {}, {"type": "text"}, ["text"])


class ChatIn(WritingIn):
    """`messages` are objects with role (system, developer, user, assistant) and content (a text, or parts of text)."""

    messages: list[dict[str, Any]]
    max_completion_tokens: int | None = None

    def most_tokens(self) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens


class CompletionIn(WritingIn):
    """`prompt` is written on as it stands, without a chat template."""

    prompt: str | list[str]
    echo: bool | None = False


@api.get("/models", summary="The models that write", response=dict[str, Any])
async def models(request: TokenRequest) -> dict[str, Any]:
    """The newest version of each generation model you may use."""
    found = await sync_to_async(writers.newest)(request.auth)
    return {"object": "list", "data": [_model(version) for version in found]}


@api.get("/models/{model}", summary="One model", response=dict[str, Any])
async def model(request: TokenRequest, model: str) -> dict[str, Any]:
    """By the id of a version, the id of a model (its newest version) or a name that only one model has."""
    return _model(await sync_to_async(writers.find)(request.auth, model))


@api.post("/chat/completions", summary="Go on with a conversation", response=Any)
async def chat(request: TokenRequest, body: ChatIn) -> HttpResponseBase:
    """For models trained on prompts and answers; `stream` sends the answer as server-sent events."""
    version = await sync_to_async(writers.find)(request.auth, body.model)
    body.refuse_unknown()
    writing = await streams.begin(version, {"messages": body.messages}, body.parameters(), source="api")
    shape = Shape(kind="chat", model=body.model)
    if body.stream:
        return _events(_streamed(shape, writing, body))
    answer = await _whole(writing)
    return JsonResponse(shape.whole([answer]))


@api.post("/completions", summary="Write a text on", response=Any)
async def completions(request: TokenRequest, body: CompletionIn) -> HttpResponseBase:
    """One choice a prompt, of at most 16."""
    version = await sync_to_async(writers.find)(request.auth, body.model)
    body.refuse_unknown()
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    if not 0 < len(prompts) <= (1 if body.stream else PROMPTS_MOST):
        raise UnsuitableInput(f"prompt must be one text, or up to {PROMPTS_MOST} when stream is off")
    shape = Shape(kind="text", model=body.model)
    if body.stream:
        writing = await streams.begin(version, {"prompt": prompts[0]}, body.parameters(), source="api")
        return _events(_streamed(shape, writing, body, before=prompts[0] if body.echo else ""))
    answers = []
    for prompt in prompts:
        answer = await _whole(await streams.begin(version, {"prompt": prompt}, body.parameters(), source="api"))
        answers.append({**answer, "text": (prompt if body.echo else "") + answer["text"]})
    return JsonResponse(shape.whole(answers))


class Shape:
    """The objects of one answer, in the form of a chat or of a plain completion."""

    def __init__(self, *, kind: Literal["chat", "text"], model: str) -> None:
        self._is_chat = kind == "chat"
        self._common = {
            "id": f"{'chatcmpl' if self._is_chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(self, answers: list[dict[str, Any]]) -> dict[str, Any]:
        choices = []
        for index, answer in enumerate(answers):
            message = {"role": "assistant", "content": answer["text"], "refusal": None}
            told = {"message": message} if self._is_chat else {"text": answer["text"]}
            choices.append({"index": index, **told, "finish_reason": answer["finish"], "logprobs": None})
        kind = "chat.completion" if self._is_chat else "text_completion"
        return {**self._common, "object": kind, "choices": choices, "usage": _usage(answers)}

    def piece(self, text: str, *, first: bool = False, finish: str | None = None) -> dict[str, Any]:
        delta = {**({"role": "assistant"} if first else {}), **({"content": text} if text or first else {})}
        told = {"delta": delta} if self._is_chat else {"text": text}
        return self._chunk([{"index": 0, **told, "finish_reason": finish, "logprobs": None}])

    def usage(self, last: Mapping[str, Any]) -> dict[str, Any]:
        return {**self._chunk([]), "usage": _usage([last])}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        kind = "chat.completion.chunk" if self._is_chat else "text_completion"
        return {**self._common, "object": kind, "choices": choices}


async def _whole(writing: streams.Stream) -> dict[str, Any]:
    text, last = "", {"tokens": 0, "prompt_tokens": 0}
    async for piece in writing:
        text, last = text + piece["text"], piece
    return {"finish": CUT_OFF, **last, "text": text}


async def _streamed(
    shape: Shape, writing: streams.Stream, body: WritingIn, *, before: str = ""
) -> AsyncIterator[dict[str, Any]]:
    last: dict[str, Any] = {"tokens": 0, "prompt_tokens": 0}
    yield shape.piece(before, first=True)
    async for piece in writing:
        last = piece
        if piece["text"]:
            yield shape.piece(piece["text"])
    yield shape.piece("", finish=last.get("finish", CUT_OFF))
    if body.stream_options and body.stream_options.include_usage:
        yield shape.usage(last)


def _events(pieces: AsyncIterator[dict[str, Any]]) -> StreamingHttpResponse:
    """Server-sent events, ended by OpenAI's own mark."""

    async def lines() -> AsyncIterator[bytes]:
        try:
            async for piece in pieces:
                yield b"data: " + json.dumps(piece, ensure_ascii=False).encode() + b"\n\n"
        except StudioError as error:
            yield b"data: " + json.dumps(_error(error.message, error.code), ensure_ascii=False).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    return StreamingHttpResponse(lines(), content_type="text/event-stream", headers=streams.UNBUFFERED)


def _usage(answers: list[Any]) -> dict[str, int]:
    read, written = (sum(each[name] for each in answers) for name in ("prompt_tokens", "tokens"))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _model(version: ModelVersion) -> dict[str, Any]:
    created = int(version.created_at.timestamp())
    return {
        "id": str(version.pk),
        "object": "model",
        "created": created,
        "owned_by": version.model.project.name,
        "name": str(version),
    }


def _error(message: str, code: str, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@api.exception_handler(AuthenticationError)
def unauthorized(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    answer = JsonResponse(
        _error("A valid API token of the studio is needed as the key.", "invalid_api_key"), status=401
    )
    answer["WWW-Authenticate"] = "Bearer"
    return answer


@api.exception_handler(Http404)
def missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return JsonResponse(
        _error("There is no such model that writes, or you may not know of it.", "model_not_found"), status=404
    )


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0] if error.errors else {"loc": ("body",), "msg": "invalid"}
    place = ".".join(str(part) for part in first["loc"][2:]) or "body"
    return JsonResponse(_error(f"{place}: {first['msg']}", "invalid_value"), status=400)


@api.exception_handler(UnsuitableInput)
def unsuitable(request: HttpRequest, error: UnsuitableInput) -> HttpResponse:
    return JsonResponse(_error(" ".join(filter(None, (error.message, error.hint))), error.code), status=400)


@api.exception_handler(DataError)
def unkeepable(request: HttpRequest, error: DataError) -> HttpResponse:
    return JsonResponse(_error("A text has a sign that cannot be kept, such as NUL.", "invalid_value"), status=400)


@api.exception_handler(StudioError)
def refused(request: HttpRequest, error: StudioError) -> HttpResponse:
    answer = JsonResponse(_error(error.message, error.code, "server_error"), status=error.status)
    if retry_after := getattr(error, "retry_after", 0):
        answer["Retry-After"] = str(retry_after)
    return answer
