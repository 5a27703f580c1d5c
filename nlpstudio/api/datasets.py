"""Data sets over the API: bring one, see what became of it, read its rows and problems, take it away."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import Prefetch
from django.http import Http404, HttpResponseBase
from ninja import Field, File, Form, Router, Schema, UploadedFile
from ninja.errors import ValidationError
from pydantic import ConfigDict, StrictBool, field_validator
from pydantic import ValidationError as Mismatch

from nlpstudio.api.base import PER_PAGE, ApiRequest, Listing, listing, paged
from nlpstudio.datasets import downloads, services
from nlpstudio.datasets.access import dataset_for, version_for
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.data.encoding import known_codec
from nlpstudio.engine.data.options import ImportOptions, SplitOptions, usual_split
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Role

router = Router(tags=["datasets"])

FIRST_PROBLEMS = 20
Split = Literal["train", "validation", "test"]
PageNumber = Annotated[int, Field(ge=1)]


class SplitIn(Schema):
    """Shares of the rows for each split; they sum to 1."""

    model_config = ConfigDict(extra="forbid")
    train: float = 0.8
    validation: float = 0.1
    test: float = 0.1
    seed: int = Field(42, ge=0, lt=2**31)
    stratify: StrictBool = True


class OptionsIn(Schema):
    """How to read the file; what is absent is found out from it."""

    model_config = ConfigDict(extra="forbid")
    columns: dict[str, str | int] | None = None
    header: StrictBool | None = None
    encoding: str | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    quoting: StrictBool | None = None
    multilabel: StrictBool = False
    format: str | None = None
    split: SplitIn | None = None
    keep_good_rows: StrictBool = True

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None and not known_codec(value):
            raise ValueError(f"unknown encoding {value!r}")
        return value


class VersionStarted(Schema):
    """Which version, and how far it is."""

    id: str
    state: str


class DatasetStarted(Schema):
    """A data set whose first version is being imported."""

    id: str
    version: VersionStarted


def _options(task: str, text: str) -> ImportOptions:
    """Raises ninja's `ValidationError`, naming the field, for options that make no sense."""
    try:
        given = OptionsIn.model_validate_json(text or "{}")
    except Mismatch as error:
        raise ValidationError(
            [{"loc": ("options", *each["loc"]), "msg": each["msg"]} for each in error.errors()]
        ) from error
    values = given.dict(exclude={"split", "columns"})
    columns = None if given.columns is None else {role: str(column) for role, column in given.columns.items()}
    try:
        split = SplitOptions(**given.split.dict()) if given.split else usual_split(task)
    except InvalidSpec as error:
        raise _invalid("options.split", error) from error
    try:
        return ImportOptions(task=task, columns=columns, split=split, **values)
    except InvalidSpec as error:
        raise _invalid("options.columns", error) from error


def _invalid(field: str, error: InvalidSpec) -> ValidationError:
    return ValidationError([{"loc": (field,), "msg": f"{error.message} {error.hint}".strip()}])


def _when(version: DatasetVersion) -> dict[str, Any]:
    return {"id": str(version.pk), "number": version.number, "state": version.state, "rows": version.rows}


def dataset_json(dataset: Dataset) -> dict[str, Any]:
    """The data set with its versions, the newest first; `version` is the newest."""
    versions = [_when(version) for version in dataset.versions.all()]
    return {
        "id": str(dataset.pk),
        "project": str(dataset.project_id),
        "name": dataset.name,
        "task": dataset.task,
        "created_at": dataset.created_at.isoformat(),
        "version": versions[0] if versions else None,
        "versions": versions,
    }


def version_json(version: DatasetVersion) -> dict[str, Any]:
    """All that is known of a version but its rows."""
    failed = {"code": version.error_code, "message": version.error_message, "hint": version.error_hint}
    return {
        **_when(version),
        "dataset": str(version.dataset_id),
        "task": version.dataset.task,
        "created_at": version.created_at.isoformat(),
        "source": {"name": version.source_name, "bytes": version.source_bytes},
        "options": version.options,
        "progress": {"rows": version.progress_rows, "share": version.progress_share},
        "columns": version.columns,
        "labels": version.labels,
        "splits": version.splits,
        "statistics": version.statistics,
        "warnings": version.warnings,
        "problems": {"count": version.problem_count, "first": version.first_problems[:FIRST_PROBLEMS]},
        "rejected": version.rejected_count,
        "fingerprint": version.fingerprint,
        "error": failed if version.is_failed else None,
    }


@router.get("/projects/{uuid:project_id}/datasets", response=Listing, summary="Data sets of a project")
def index(request: ApiRequest, project_id: UUID, page: PageNumber = 1) -> dict[str, Any]:
    """The newest first."""
    project = project_for(request.auth, project_id)
    light = DatasetVersion.objects.only("id", "number", "state", "rows", "dataset_id")
    rows = project.datasets.visible_to(request.auth).prefetch_related(Prefetch("versions", light))
    return paged(request, rows.order_by("-created_at"), dataset_json, page)


@router.post("/projects/{uuid:project_id}/datasets", response={202: DatasetStarted}, summary="Upload a data set")
def create(
    request: ApiRequest,
    project_id: UUID,
    file: File[UploadedFile],
    task: Form[str],
    name: Form[str] = "",
    options: Form[str] = "",
) -> tuple[int, dict[str, Any]]:
    """Editors only. The import starts at once; ask `GET /dataset-versions/{id}` until it is `ready` or `failed`."""
    project = project_for(request.auth, project_id, Role.EDITOR)
    if task not in CATALOGUE:
        raise ValidationError([{"loc": ("task",), "msg": f"must be one of {', '.join(CATALOGUE)}"}])
    version = services.upload(
        project=project, name=name, task=task, file=file, by=request.auth, options=_options(task, options)
    )
    return 202, {"id": str(version.dataset_id), "version": {"id": str(version.pk), "state": version.state}}


@router.get("/datasets/{uuid:dataset_id}", response=dict[str, Any], summary="One data set")
def detail(request: ApiRequest, dataset_id: UUID) -> dict[str, Any]:
    """With all its versions."""
    return dataset_json(dataset_for(request.auth, dataset_id))


@router.get("/dataset-versions/{uuid:version_id}", response=dict[str, Any], summary="One version of a data set")
def version_detail(request: ApiRequest, version_id: UUID) -> dict[str, Any]:
    """Its state, and once it is ready what is in it; `problems.first` holds the first ones."""
    return version_json(version_for(request.auth, version_id))


@router.get("/dataset-versions/{uuid:version_id}/rows", response=Listing, summary="Rows of a version")
def rows(
    request: ApiRequest,
    version_id: UUID,
    split: Split | None = None,
    q: Annotated[str, Field(max_length=200)] = "",
    label: Annotated[str, Field(max_length=200)] = "",
    page: PageNumber = 1,
) -> dict[str, Any]:
    """Those of a split, with a label, or with `q` in their text."""
    folder = downloads.folder_of(version_for(request.auth, version_id))
    found, count = folder.page((page - 1) * PER_PAGE, PER_PAGE, split, q or None, label or None)
    return _listing(request, found, count, page)


@router.get("/dataset-versions/{uuid:version_id}/problems", response=Listing, summary="Problems of a version")
def problems(request: ApiRequest, version_id: UUID, page: PageNumber = 1) -> dict[str, Any]:
    """Line, column, code and words of each; the first 10,000 can be read."""
    version = version_for(request.auth, version_id)
    found, count = downloads.problems_of(version, (page - 1) * PER_PAGE, PER_PAGE)
    return _listing(request, found, count, page)


def _listing(request: ApiRequest, found: list[dict[str, Any]], count: int, page: int) -> dict[str, Any]:
    if page > 1 and not found:
        raise Http404
    return listing(request, count=count, page=page, results=found)


@router.get("/dataset-versions/{uuid:version_id}/download", summary="Download a version")
def download(
    request: ApiRequest,
    version_id: UUID,
    format: Literal["tsv", "jsonl"] = "tsv",
    split: Split | None = None,
    safe: bool = False,
) -> HttpResponseBase:
    """Its good rows, streamed. `safe` puts an apostrophe before cells that a spreadsheet would run as a formula."""
    return downloads.export(version_for(request.auth, version_id), format, split=split, safe=safe)
