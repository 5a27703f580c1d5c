"""Hostile requests to every operation of the API, drawn from its own schema by Schemathesis.

The suite sends some hundred cases, `python -m bench.fuzz_api` ten thousand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jsonschema_rs
import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode

from nlpstudio.api.instance import api

UNDECLARED = 500


@dataclass
class Findings:
    """How many cases were sent, what was answered, and each breach of the promise once an operation and kind."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    breaches: dict[tuple[str, str], str] = field(default_factory=dict)

    def to_json(self) -> str:
        statuses = {str(status): count for status, count in sorted(self.statuses.items())}
        return json.dumps({"cases": self.cases, "statuses": statuses, "breaches": [*self.breaches.values()]}, indent=1)


def fuzz(*, cases_an_operation: int, token: str, ids: Mapping[str, str], number: int = 0) -> Findings:
    """Send so many cases to each operation, half with the ids of real things, each in a transaction that is rolled back.

    A breach is a status of 500, an answer that is not as the schema says, or a success without a token.
    """
    document = json.loads(json.dumps(api.get_openapi_schema()))
    schema = schemathesis.openapi.from_dict(document)
    found = Findings()
    client = Client(raise_request_exception=False)
    for result in schema.get_all_operations():
        _one_operation(result.ok(), cases_an_operation, number, partial(_send, client, document, token, ids, found))
    return found


def _one_operation(operation: Any, cases: int, number: int, send: Callable[..., None]) -> None:
    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=_cases(operation), is_real=st.booleans(), has_token=st.sampled_from([True] * 9 + [False]))
    def each(case: Any, is_real: bool, has_token: bool) -> None:
        send(operation, case, is_real=is_real, has_token=has_token)

    each()


def _cases(operation: Any) -> st.SearchStrategy[Any]:
    """As the schema says and, where something can be wrong, against it."""
    sound: st.SearchStrategy[Any] = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not (operation.body or operation.query or operation.path_parameters):
        return sound
    return sound | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def _send(
    client: Client,
    document: dict[str, Any],
    token: str,
    ids: Mapping[str, str],
    found: Findings,
    operation: Any,
    case: Any,
    *,
    is_real: bool,
    has_token: bool,
) -> None:
    drawn = case.path_parameters or {}
    case.path_parameters = {name: ids[name] if is_real and name in ids else value for name, value in drawn.items()}
    token = token if has_token else ""
    try:
        wire = case.as_transport_kwargs(base_url="http://testserver")
        prepared = requests.Request(**{k: v for k, v in wire.items() if k in WIRE}).prepare()
    except (ValueError, UnicodeError):  # what cannot be put into an HTTP request at all
        return
    headers = {f"HTTP_{name.upper().replace('-', '_')}": str(value) for name, value in prepared.headers.items()}
    kind = str(prepared.headers.get("Content-Type", "application/octet-stream"))
    headers.pop("HTTP_AUTHORIZATION", None)
    if token:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    body = prepared.body or b""
    body = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(body)
    address = prepared.path_url
    with transaction.atomic():
        answer: Any = client.generic(prepared.method or "GET", address, body, content_type=kind, **headers)
        transaction.set_rollback(True)
    found.cases += 1
    found.statuses[answer.status_code] += 1
    breach = _breach(document, operation, answer, is_open=not token)
    if breach:
        where = f"{operation.method.upper()} {operation.path}"
        found.breaches.setdefault((where, breach[:60]), f"{breach} | {address[:300]} | {body[:300]!r}")


WIRE = ("method", "url", "headers", "params", "data", "json", "files", "cookies")


def _breach(document: dict[str, Any], operation: Any, answer: Any, *, is_open: bool) -> str:
    declared = operation.definition.raw["responses"]
    if answer.status_code == 500:
        return "answers 500"
    needs_token = bool(operation.definition.raw.get("security"))
    if is_open and needs_token and answer.status_code not in (401, 404, 405):
        return f"answers {answer.status_code} without a token"
    if answer.status_code == 405:
        return ""
    promise = declared.get(str(answer.status_code)) or declared.get("default")
    if promise is None:
        return f"answers {answer.status_code}, which the schema does not know"
    content = promise.get("content", {})
    if "application/json" not in content:
        return ""
    if not answer.get("Content-Type", "").startswith("application/json"):
        return f"answers {answer.status_code} as {answer.get('Content-Type')}"
    try:
        jsonschema_rs.validate(
            {**content["application/json"]["schema"], "components": document["components"]}, answer.json()
        )
    except jsonschema_rs.ValidationError as error:
        return f"answers {answer.status_code} with a body that is not as promised: {error.message[:200]}"
    return ""
