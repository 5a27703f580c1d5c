"""Predictions over the API, word for word as Hugging Face inference asks and answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Field, Router, Schema

from nlpstudio.api.base import ApiRequest
from nlpstudio.demos import services
from nlpstudio.registry.access import version_for

router = Router(tags=["predict"])


class PredictIn(Schema):
    """`inputs`: a text, a list of texts, or what the task takes. `parameters`: as at Hugging Face, for the task.

    A classifier also takes `abstain`: true, or `abstain_below`: a share from 0 to 1. Every label then has `abstained`
    beside `label` and `score`: true where the decision is less sure than the version's saved threshold (or the given
    one), and scores are calibrated. Without them an answer is what the model says, number for number.
    """

    inputs: Any
    parameters: dict[str, Any] = Field(default_factory=dict)


@router.post("/model-versions/{uuid:version_id}/predict", response=Any, summary="Ask a model")
def predict(request: ApiRequest, version_id: UUID, body: PredictIn) -> Any:
    """One text to classify answers `[[{label, score}, …]]`, tokens a flat list of entities, a question one object.

    `huggingface_hub.InferenceClient(model=<this address>, token=…)` works unchanged. Offsets are code points.
    400: inputs or parameters that the model cannot take; 429 with Retry-After: too many requests wait;
    503: no serve worker answers; 504: no answer in time.
    """
    version = version_for(request.auth, version_id)
    try:
        return services.predict(version, body.inputs, body.parameters, source="api").prediction
    except services.ServeRefused as error:
        return _refusal(request, error)


def _refusal(request: HttpRequest, error: services.ServeRefused) -> HttpResponse:
    """The house's error body, with the header that tells a client when to come back."""
    details = {"hint": error.hint} if error.hint else None
    body = {"error": {"code": error.code, "message": error.message, "details": details}}
    response = JsonResponse(body, status=error.status)
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    return response
