"""Log lines: as text or as JSON, each with the request and the run it belongs to, and never with a secret."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

REQUEST: ContextVar[str] = ContextVar("request", default="")
RUN: ContextVar[str] = ContextVar("run", default="")
SECRETS = re.compile(
    r"(nlps_)[\w-]+"
    r"|((?:bearer|basic)\s+)[\w.~+/=-]+"
    r"|(://[^/\s:@]*:)[^@\s/]+(?=@)"
    r"|((?:password|secret|token|sessionid|csrftoken|api_?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;}]+"
    r"|(/(?:link|invitations|key)/)[^\s/\"?]+",
    re.IGNORECASE,
)
MASK = "[hidden]"
GIVEN_ID = re.compile(r"[\w-]{8,64}")
requests = logging.getLogger("nlpstudio.requests")


def hidden(words: str) -> str:
    """The words without tokens, passwords, keys, session ids and secret links."""
    return SECRETS.sub(lambda found: "".join(part or "" for part in found.groups()) + MASK, words)


@contextmanager
def about_run(run_id: uuid.UUID) -> Iterator[None]:
    """Whatever is logged inside belongs to the run."""
    token = RUN.set(str(run_id))
    try:
        yield
    finally:
        RUN.reset(token)


class _Formatter(logging.Formatter):
    """What both forms share: where the line belongs, and nothing secret in it."""

    def place(self) -> dict[str, str]:
        return {key: value for key, value in (("request", REQUEST.get()), ("run", RUN.get())) if value}


class LineFormatter(_Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        place = "".join(f" {key}={value}" for key, value in self.place().items())
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        words = hidden(super().format(record))
        return f"{when} {record.levelname} {record.name}{place} {words}"


class JsonFormatter(_Formatter):
    """One JSON object a line, for programs that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hidden(record.getMessage()),
            **self.place(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["traceback"] = hidden(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


class RequestLog:
    """Gives each request an id, the caller's own if it is a sound one, and logs how it ended by its route."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self._is_async:
            return self._later(request)
        begun = self._begin(request)
        return self._end(request, self._get_response(request), begun)

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        begun = self._begin(request)
        return self._end(request, await self._get_response(request), begun)

    def _begin(self, request: HttpRequest) -> float:
        given = request.headers.get("X-Request-ID", "")
        REQUEST.set(given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex)
        return time.perf_counter()

    def _end(self, request: HttpRequest, response: HttpResponseBase, begun: float) -> HttpResponseBase:
        seconds = time.perf_counter() - begun
        response["X-Request-ID"] = REQUEST.get()
        route = request.resolver_match.route if request.resolver_match else "none"
        verb = request.method or ""
        watch(verb, route, response.status_code, seconds)
        facts = {"verb": verb, "route": f"/{route}", "status": response.status_code, "ms": round(seconds * 1000, 1)}
        requests.info("%s /%s %s %.0f ms", verb, route, response.status_code, seconds * 1000, extra={"facts": facts})
        return response


WATCHERS: list[Callable[[str, str, int, float], None]] = []
"""Called with verb, route, status and seconds of each request, such as by the metrics."""


def watch(verb: str, route: str, status: int, seconds: float) -> None:
    for watcher in WATCHERS:
        watcher(verb, route, status, seconds)
