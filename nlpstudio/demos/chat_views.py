"""Conversations and streamed answers on pages: the browser keeps the conversation, the server keeps nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.demos import snippets, streams
from nlpstudio.demos.forms import GenerationDemo
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.registry.access import version_for
from nlpstudio.registry.words import SENTENCES

BODY_BYTES_MOST = 1 << 20


@policy(Policy.VIEWER)
def chat(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The conversation page of a model that was trained on prompts and answers; others have the demo page alone."""
    version = version_for(request.user, version_id)
    if not version.converses:
        return redirect("demos:demo", version.pk)
    form = GenerationDemo()
    del form.fields["text"]
    context = {
        "project": version.model.project,
        "section": "models",
        "version": version,
        "form": form,
        "snippet": snippets.openai(request.build_absolute_uri("/v1"), str(version.pk)),
        "examples": [fields["text"] for fields in version.examples if fields.get("text")],
    }
    return render_page(request, "demos/chat.html", context)


@policy(Policy.VIEWER, "POST")
async def stream(request: HtmxRequest, version_id: UUID) -> HttpResponseBase:
    """`{inputs, parameters}` as JSON; a line of JSON for each piece of the answer, or an error with its status."""
    version = await sync_to_async(lambda: version_for(request.user, version_id))()
    try:
        body = json.loads(request.body) if len(request.body) <= BODY_BYTES_MOST else None
    except ValueError:
        body = None
    if not isinstance(body, dict) or "inputs" not in body or not isinstance(body.get("parameters", {}), dict):
        return JsonResponse(
            {"error": {"message": "inputs is missing, or parameters is no object", "hint": ""}}, status=422
        )
    try:
        writing = await streams.begin(version, body["inputs"], body.get("parameters", {}), source="demo")
    except UnsuitableInput as error:
        return _refusal(error, 422)
    except StudioError as error:
        return _refusal(error, error.status)
    return StreamingHttpResponse(_lines(writing), content_type="application/x-ndjson", headers=streams.UNBUFFERED)


async def _lines(writing: streams.Stream) -> AsyncIterator[bytes]:
    try:
        async for piece in writing:
            yield _line(piece)
    except StudioError as error:
        yield _line(_told(error))


def _line(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def _told(error: UnsuitableInput | StudioError) -> dict[str, Any]:
    message, hint = map(SENTENCES.translated, (error.message, error.hint))
    return {"error": {"message": message, "hint": hint}}


def _refusal(error: UnsuitableInput | StudioError, status: int) -> HttpResponse:
    return JsonResponse(_told(error), status=status)
