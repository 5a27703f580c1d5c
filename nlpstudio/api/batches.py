"""Batch predictions over the API: send a file, see how far it is, take it back with the answers added."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponseBase
from ninja import Field, File, Form, Router, Schema, UploadedFile
from ninja.errors import ValidationError
from pydantic import ConfigDict, StrictBool, field_validator
from pydantic import ValidationError as Mismatch

from nlpstudio.api.base import ApiRequest, Listing, paged
from nlpstudio.demos import batches, downloads
from nlpstudio.demos.access import batch_for, own_batch_for
from nlpstudio.demos.models import Batch
from nlpstudio.engine.batch.order import ROLES, Reading
from nlpstudio.engine.data.encoding import known_codec
from nlpstudio.registry.access import version_for

router = Router(tags=["batches"])


class ReadingIn(Schema):
    """How to read the file; what is absent is found out from it."""

    model_config = ConfigDict(extra="forbid")
    columns: dict[str, str | int] | None = None
    header: StrictBool | None = None
    encoding: str | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    quoting: StrictBool | None = None

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None and not known_codec(value):
            raise ValueError(f"unknown encoding {value!r}")
        return value


class BatchStarted(Schema):
    """A prediction that waits for its turn."""

    id: str
    state: str


def to_json(batch: Batch) -> dict[str, Any]:
    outcome = batch.outcome
    failed = {"code": batch.error_code, "message": batch.error_message, "hint": batch.error_hint}
    return {
        "id": str(batch.pk),
        "model_version": str(batch.version_id),
        "state": batch.state,
        "source": {"name": batch.source_name, "bytes": batch.source_bytes},
        "reading": batch.reading,
        "progress": {
            "rows": batch.rows,
            "total": batch.total_rows,
            "share": batch.share,
            "rows_per_s": batch.rows_per_s,
            "eta_s": batch.eta_s,
        },
        "errors": batch.error_rows,
        "columns": outcome.columns if outcome else [],
        "error": failed if batch.is_failed else None,
        "created_at": batch.created_at.isoformat(),
        "ended_at": batch.ended_at.isoformat() if batch.ended_at else None,
    }


@router.post("/model-versions/{uuid:version_id}/batch", response={202: BatchStarted}, summary="Predict a file")
def create(
    request: ApiRequest, version_id: UUID, file: File[UploadedFile], options: Form[str] = ""
) -> tuple[int, dict[str, Any]]:
    """Any member. `options` is JSON: `columns` (a role such as `text` to a column), `header`, `encoding`, `delimiter`,
    `quoting`. Ask `GET /batches/{id}` until it is `finished`, `failed` or `cancelled`. Where the version has a decision
    threshold, a column `abstained` says `yes` for rows that a person should decide; confidences are then calibrated.
    """
    version = version_for(request.auth, version_id)
    reading = _reading(version.model.task, options)
    batch = batches.upload(version=version, file=file, by=request.auth, reading=reading)
    return 202, {"id": str(batch.pk), "state": batch.state}


def _reading(task: str, text: str) -> Reading:
    """Raises ninja's `ValidationError`, naming the field, for options that make no sense."""
    try:
        given = ReadingIn.model_validate_json(text or "{}")
    except Mismatch as error:
        raise ValidationError(
            [{"loc": ("options", *each["loc"]), "msg": each["msg"]} for each in error.errors()]
        ) from error
    known = ROLES[task].all if task in ROLES else ()
    unknown = sorted(set(given.columns or {}) - set(known))
    if unknown:
        words = f"{task} has no column {', '.join(unknown)}; its columns are {', '.join(known)}"
        raise ValidationError([{"loc": ("options", "columns"), "msg": words}])
    columns = None if given.columns is None else {role: str(column) for role, column in given.columns.items()}
    return Reading(**{**given.dict(), "columns": columns})


@router.get("/model-versions/{uuid:version_id}/batches", response=Listing, summary="Files a model has predicted")
def index(request: ApiRequest, version_id: UUID, page: Annotated[int, Field(ge=1)] = 1) -> dict[str, Any]:
    """The newest first."""
    version = version_for(request.auth, version_id)
    return paged(request, Batch.objects.filter(version=version), to_json, page)


@router.get("/batches/{uuid:batch_id}", response=dict[str, Any], summary="One prediction of a file")
def detail(request: ApiRequest, batch_id: UUID) -> dict[str, Any]:
    """Its state and how far it is; `errors` counts the rows that could not be answered."""
    return to_json(batch_for(request.auth, batch_id))


@router.post("/batches/{uuid:batch_id}/cancel", response=dict[str, Any], summary="Cancel and discard")
def cancel(request: ApiRequest, batch_id: UUID) -> dict[str, Any]:
    """Whose it is, or an editor. What was answered so far is thrown away."""
    batch = own_batch_for(request.auth, batch_id)
    batches.cancel(batch=batch, by=request.auth)
    return to_json(batch)


@router.get("/batches/{uuid:batch_id}/download", summary="The file with the answers added")
def download(request: ApiRequest, batch_id: UUID, safe: bool = False) -> HttpResponseBase:
    """Streamed. `safe` puts an apostrophe before cells that a spreadsheet would run as a formula."""
    return downloads.result(batch_for(request.auth, batch_id), safe=safe)
