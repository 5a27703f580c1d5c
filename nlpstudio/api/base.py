"""What every part of the API shares: who asks, how lists are paged, how errors look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.core.paginator import EmptyPage, Paginator
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import HttpBearer

from nlpstudio.accounts.models import User
from nlpstudio.api import scopes
from nlpstudio.core.errors import StudioError
from nlpstudio.engine.errors import EngineError

PER_PAGE = 50
M = TypeVar("M", bound=Model)


class ApiRequest(HttpRequest):
    """A request that came with a good token; `auth` is the token's user."""

    auth: User


class Bearer(HttpBearer):
    """`Authorization: Bearer TOKEN`. Cookies never open the API. What a token opens is decided in `scopes.py`."""

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        return scopes.authenticate(request, token)


class ErrorBody(Schema):
    """What went wrong: a stable code, words, and whatever helps to mend it."""

    code: str
    message: str
    details: Any = None


class ErrorAnswer(Schema):
    """The body of every answer of 400 and more."""

    error: ErrorBody


class Listing(Schema):
    """One page of a list; `next` and `previous` are addresses or null."""

    count: int
    next: str | None
    previous: str | None
    results: list[Any]


def listing(
    request: HttpRequest, *, count: int, page: int, results: Sequence[Any], per_page: int = PER_PAGE
) -> dict[str, Any]:
    """The body of one page when the rows are already cut out."""

    def address(number: int) -> str:
        query = {**request.GET.dict(), "page": str(number)}
        return request.build_absolute_uri(f"{request.path}?{urlencode(query)}")

    return {
        "count": count,
        "next": address(page + 1) if page * per_page < count else None,
        "previous": address(page - 1) if page > 1 else None,
        "results": list(results),
    }


def paged(
    request: HttpRequest, rows: QuerySet[M], to_json: Callable[[M], dict[str, Any]], page: int = 1
) -> dict[str, Any]:
    """One page of `rows`. Raises `Http404` for a page that does not exist."""
    try:
        part = Paginator(rows, PER_PAGE).page(page)
    except EmptyPage as error:
        raise Http404 from error
    return listing(request, count=part.paginator.count, page=page, results=[to_json(row) for row in part])


def answer_errors(api: NinjaAPI) -> None:
    """Give every error of the house the one shape `{"error": {code, message, details}}`."""

    def reply(request: HttpRequest, status: int, code: str, message: str, details: Any = None) -> HttpResponse:
        body = {"error": {"code": code, "message": message, "details": details}}
        response = api.create_response(request, body, status=status)
        if status == 401:
            response["WWW-Authenticate"] = "Bearer"
        return response

    @api.exception_handler(AuthenticationError)
    def unauthorized(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return reply(request, 401, "unauthorized", "A valid API token is needed: Authorization: Bearer TOKEN.")

    @api.exception_handler(Http404)
    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return reply(request, 404, "not_found", "There is nothing here, or you may not know of it.")

    @api.exception_handler(PermissionDenied)
    def denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        return reply(
            request, 403, "forbidden", "Your role in this project, or your token's scope, does not allow this."
        )

    @api.exception_handler(ValidationError)
    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        fields = [{"field": ".".join(str(x) for x in each["loc"]), "message": each["msg"]} for each in error.errors]
        first = fields[0] if fields else {"field": "", "message": "invalid"}
        return reply(request, 422, "invalid", f"{first['field']}: {first['message']}", fields)

    @api.exception_handler(DataError)
    def unkeepable(request: HttpRequest, error: DataError) -> HttpResponse:
        return reply(request, 422, "invalid", "A text has a sign that the database cannot keep, such as NUL.")

    @api.exception_handler(StudioError)
    def refused(request: HttpRequest, error: StudioError) -> HttpResponse:
        details = {"hint": error.hint} if error.hint else None
        response = reply(request, error.status, error.code, error.message, details)
        if retry_after := getattr(error, "retry_after", 0):
            response["Retry-After"] = str(retry_after)
        return response

    @api.exception_handler(EngineError)
    def unusable(request: HttpRequest, error: EngineError) -> HttpResponse:
        return reply(request, 400, error.code, error.message, {"hint": error.hint} if error.hint else None)

    @api.exception_handler(HttpError)
    def plain(request: HttpRequest, error: HttpError) -> HttpResponse:
        return reply(request, error.status_code, "bad_request", error.message)
