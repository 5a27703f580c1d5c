"""Every address of the installation with its verbs and its policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from nlpstudio.api.instance import api
from nlpstudio.api.openai import api as openai
from nlpstudio.config.websockets import websocket_urlpatterns
from nlpstudio.core.policy import Policy

TOKEN = "api token"
API_NAMESPACES = ("api", "openai")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address pattern. `policy` is "undeclared" when nobody said who may use it."""

    pattern: str
    name: str
    verbs: tuple[str, ...]
    policy: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def all_routes() -> list[Route]:
    """Pages first, then the API, then websockets."""
    return [*_pages(get_resolver().url_patterns, "/"), *_api(), *_sockets()]


def _pages(patterns: list[URLPattern | URLResolver], prefix: str, namespace: str = "") -> Iterator[Route]:
    for each in patterns:
        path = prefix + str(each.pattern).lstrip("^").rstrip("$")
        if isinstance(each, URLPattern):
            name = f"{namespace}:{each.name}" if namespace else each.name or ""
            policy = getattr(each.callback, "policy", "undeclared")
            verbs = getattr(each.callback, "verbs", ("GET", "POST"))
            if namespace not in API_NAMESPACES:
                yield Route(pattern=path, name=name, verbs=verbs, policy=str(policy))
        else:
            yield from _pages(each.url_patterns, path, each.namespace or namespace)


def _api() -> Iterator[Route]:
    """The APIs' own schemas say what they answer and whether a token is needed."""
    paths = [*api.get_openapi_schema()["paths"].items(), *openai.get_openapi_schema()["paths"].items()]
    for path, operations in paths:
        for verb, details in operations.items():
            policy = TOKEN if details.get("security") else str(Policy.PUBLIC)
            yield Route(pattern=path, name=details["operationId"], verbs=(verb.upper(),), policy=policy)


def _sockets() -> Iterator[Route]:
    for pattern in websocket_urlpatterns:
        yield Route(pattern=f"/{pattern.pattern}", name="", verbs=("WEBSOCKET",), policy=str(Policy.VIEWER))
