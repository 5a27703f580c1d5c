"""What an address that leads nowhere, or a request that Django itself refuses, answers: a page, or JSON under the API."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

API = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _json(400, "bad_request", "The request cannot be read.", request) or defaults.bad_request(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    words = "Your role does not allow this."
    return _json(403, "forbidden", words, request) or defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    words = "There is nothing here, or you may not know of it."
    return _json(404, "not_found", words, request) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    words = "The server made a mistake. It is written in the log."
    return _json(500, "server_error", words, request) or defaults.server_error(request)


def _json(status: int, code: str, message: str, request: HttpRequest) -> HttpResponse | None:
    """The one shape of the API's errors, for its addresses."""
    if not request.path.startswith(API):
        return None
    body: dict[str, Any] = {"error": {"code": code, "message": message, "details": None}}
    return JsonResponse(body, status=status)
