"""What an address that leads nowhere, or a request that Django itself refuses, answers: a page, or JSON under the API."""

from __future__ import annotations

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults

from nlpstudio.core.away import is_away

API = ("/api/", "/v1/")
RETRY_SECONDS = 2


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(400, "bad_request", "The request cannot be read.", request) or defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    words = "Your role does not allow this."
    return _json(403, "forbidden", words, request) or defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    words = "There is nothing here, or you may not know of it."
    return _json(404, "not_found", words, request) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """A bug of ours, or 503 when the server lacks what it works with: that passes, and the same request may be sent again."""
    if is_away(sys.exception()):
        return _away(request)
    words = "The server made a mistake. It is written in the log."
    return _json(500, "server_error", words, request) or defaults.server_error(request)


def _away(request: HttpRequest) -> HttpResponse:
    words = "The database or the broker cannot be reached just now. Send the request again in a moment."
    response = _json(503, "away", words, request)
    if response is None:
        response = HttpResponse(loader.render_to_string("503.html"), status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _json(status: int, code: str, message: str, request: HttpRequest) -> HttpResponse | None:
    """The one shape of the API's errors, for its addresses."""
    if not request.path.startswith(API):
        return None
    body: dict[str, Any] = {"error": {"code": code, "message": message, "details": None}}
    return JsonResponse(body, status=status)
