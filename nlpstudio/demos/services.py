"""Asking the serve worker: a prediction, or how a model stands, with errors in words."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import Any

import httpx
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.demos import abstaining, places
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference import engines
from nlpstudio.registry import usage
from nlpstudio.registry.models import ModelVersion
from nlpstudio.registry.words import SENTENCES

logger = logging.getLogger(__name__)

SECONDS = 30.0
EXPLAIN_SECONDS = 60.0
WARM_SECONDS = 2.0
BUSY = 429
VERSIONS, BASE_MODELS = "versions", "base_models"
"""Whose encoders the serve worker may be asked for."""
JSON = {"content-type": "application/json"}
WORKERS_KINDS = ("application/json", "application/x-ndjson")
"""Of a serve worker's answers."""


class ServeAway(StudioError):
    """No serve worker answers."""

    code = "serve.away"
    status = 503


class ServeRefused(StudioError):
    """The serve worker cannot answer this now. `retry_after` is in seconds, 0 when there is no saying."""

    code = "serve.refused"
    status = 503
    retry_after = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A prediction in Hugging Face's shape and how long it took."""

    prediction: Any
    seconds: float


def predict(
    version: ModelVersion,
    inputs: Any,
    parameters: dict[str, Any] | None = None,
    *,
    seconds: float = SECONDS,
    source: str = "demo",
) -> Answered:
    """Ask the model. Raises `UnsuitableInput`, `ServeAway`, or `ServeRefused` (busy 429, too late 504, unusable 503).

    The request is counted for the version under `source`.
    """
    body = body_of(version, inputs, parameters)
    started = time.perf_counter()
    failed = True
    try:
        response = _post(version.pk, "/predict", body, seconds=seconds)
        if response.status_code != 200:
            raise error_of(response)
        failed = False
    finally:
        took = time.perf_counter() - started
        usage.COUNTER.add(version.pk, source, seconds=took, failed=failed)
    return Answered(prediction=response.json(), seconds=took)


def explain(
    version: ModelVersion, inputs: Any, target: dict[str, Any], *, seconds: float = EXPLAIN_SECONDS
) -> dict[str, Any]:
    """What speaks for a decision on one input, as `engine.inference.explaining` says it. Raises as `predict` does."""
    body = {"model": artifact_name(version), "inputs": inputs, "target": target}
    response = _post(version.pk, "/explain", body, seconds=seconds)
    if response.status_code != 200:
        raise error_of(response)
    explained: dict[str, Any] = response.json()
    return explained


def inside(version: ModelVersion, text: str) -> Any:
    """What happens to the text inside the model, as `engine.inference.inside.look` has it. Raises as `predict`."""
    body = {
        "model": artifact_name(version),
        "engine": engines.TORCH,
        "inputs": text,
        "parameters": {"inside": True},
    }
    response = _post(version.pk, "/predict", body, seconds=SECONDS)
    if response.status_code != 200:
        raise error_of(response)
    return response.json()


def embed(of: str, folder: str, texts: list[str], *, dataset: str = "") -> Any:
    """What an encoder says of texts, as `engine.inference.embedding` has it: `of` is whose, `folder` its name there.

    `dataset` is the version whose rows are looked through. Raises as `predict`.
    """
    body = {"of": of, "model": folder, "inputs": texts, "dataset": dataset}
    response = _post(folder, "/embed", body, seconds=SECONDS)
    if response.status_code != 200:
        raise error_of(response)
    return response.json()


def warm(version: ModelVersion) -> str:
    """Have the model loaded; its state: loading, ready or failed. Raises `ServeAway` and `ServeRefused`."""
    body = {"model": artifact_name(version), "engine": version.answering_engine}
    response = _post(version.pk, "/warm", body, seconds=WARM_SECONDS)
    if response.status_code != 200:
        raise error_of(response)
    return str(response.json()["state"])


def body_of(version: ModelVersion, inputs: Any, parameters: dict[str, Any] | None) -> dict[str, Any]:
    """What the serve worker is asked, but for how long it may take. Raises `UnsuitableInput`."""
    settled = abstaining.settled(version, parameters)
    return {
        "model": artifact_name(version),
        "engine": version.answering_engine,
        "inputs": inputs,
        "parameters": settled,
    }


def artifact_name(version: ModelVersion) -> str:
    """The artifact's folder below the serve worker's root."""
    return f"{version.pk}/{version.artifact.name}"


def _post(key: object, path: str, body: dict[str, Any], *, seconds: float) -> httpx.Response:
    """What `key` names is asked for at `path`: the answer of the first serve worker that is neither away nor full, else of one that is full. Raises `ServeAway`.

    Asking changes nothing, so that a worker that dies over a question only sends it on.
    """
    refused: httpx.Response | None = None
    ends = time.monotonic() + seconds
    for place in places.of(key):
        if (left := ends - time.monotonic()) <= 0:
            break
        base, dialling = places.dialling(place)
        # The worker keeps the deadline itself; a little more than it lets its own words arrive.
        timeout = httpx.Timeout(left + 2, connect=places.CONNECT_SECONDS)
        content = packed({**body, "deadline_ms": 1000 * left})
        transport = httpx.HTTPTransport(**dialling)
        with httpx.Client(transport=transport, base_url=base, timeout=timeout, trust_env=False) as client:
            try:
                response = client.post(path, content=content, headers=JSON)
            except httpx.ReadTimeout:  # it is there, and slow
                continue
            except httpx.TransportError:
                places.found_away(place)
                continue
        if not is_a_workers(response, place):
            places.found_away(place)
            continue
        if response.status_code != BUSY:
            return response
        refused = response
    if refused is None:
        raise away()
    return refused


def packed(body: dict[str, Any]) -> bytes:
    """The body of a question. Raises `UnsuitableInput` for what JSON cannot hold and no model could read."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise UnsuitableInput("the input holds half a character, or a number that is not finite") from error


def is_a_workers(response: httpx.Response, place: str) -> bool:
    """Whether a serve worker said this. A proxy before the workers says in its own words that none is there."""
    if response.headers.get("content-type", "").startswith(WORKERS_KINDS):
        return True
    logger.warning("%s answered %d, and not as a serve worker does", place, response.status_code)
    return False


def away() -> ServeAway:
    """No serve worker answers, in words."""
    return ServeAway(
        _("No serve worker answers, so the model cannot be asked."),
        hint=_("Start one with “manage.py serve”, or restart the studio."),
    )


def error_of(response: httpx.Response) -> Exception:
    """The serve worker's refusal as an error of ours."""
    error = response.json()["error"]
    if error["code"] == UnsuitableInput.code:
        return UnsuitableInput(error["message"], hint=error["hint"])
    words = {
        429: _("Too many requests wait for this model."),
        504: _("The model did not answer in time."),
        413: _("The input is too large."),
    }
    message = words.get(response.status_code, SENTENCES.translated(error["message"]))
    hint = _("Try again in a moment.") if response.status_code in (429, 504) else SENTENCES.translated(error["hint"])
    refused = ServeRefused(message, hint=hint, code=error["code"], status=response.status_code)
    if refused.status in (404, 500):  # a missing folder and a bug are the worker's trouble, not the asker's
        refused.status = 503
    refused.retry_after = int(response.headers.get("retry-after", 0))
    return refused
