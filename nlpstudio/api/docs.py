"""The API's documentation for people, drawn from its own schema."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from nlpstudio.api.instance import api
from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.policy import Policy, policy


@policy(Policy.PUBLIC)
def page(request: HtmxRequest) -> HttpResponse:
    """Every operation with its parameters, body and answers."""
    schema = api.get_openapi_schema()
    operations = [
        _operation(path, verb, details) for path, verbs in schema["paths"].items() for verb, details in verbs.items()
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for operation in operations:
        groups.setdefault(operation["tag"], []).append(operation)
    return render_page(request, "api/docs.html", {"groups": groups, "base": request.build_absolute_uri("/api/v1")})


def _operation(path: str, verb: str, details: dict[str, Any]) -> dict[str, Any]:
    return {
        "tag": (details.get("tags") or ["other"])[0],
        "verb": verb.upper(),
        "path": path.removeprefix("/api/v1"),
        "summary": details.get("summary", ""),
        "description": details.get("description", ""),
        "parameters": details.get("parameters", []),
        "body": sorted(details.get("requestBody", {}).get("content", {})),
        "statuses": sorted(str(status) for status in details.get("responses", {}) if status != "default"),
        "open": details.get("security") == [] or "security" not in details,
    }
