"""Predictions over the API, word for word as Hugging Face inference asks and answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Field, Router, Schema

from nlpstudio.api.base import ApiRequest
from nlpstudio.demos import services, similar
from nlpstudio.registry.access import version_to_try

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
    An encoder also takes `{"source_sentence", "sentences"}` and answers the cosine of each, as sentence similarity does.
    400: inputs or parameters that the model cannot take; 429 with Retry-After: too many requests wait,
    or the token has made all of this minute;
    503: no serve worker answers; 504: no answer in time.
    """
    version = version_to_try(request.auth, version_id)
    if similar.is_asked(body.inputs):
        return similar.answer(version, body.inputs)
    return services.predict(version, body.inputs, body.parameters, source="api").prediction
