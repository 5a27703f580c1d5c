"""Models and their versions over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, StreamingHttpResponse
from ninja import Router

from nlpstudio.api.base import ApiRequest, Listing, listing, paged
from nlpstudio.core.streaming import attachment
from nlpstudio.projects.access import project_for
from nlpstudio.registry import archive, mistakes, reports
from nlpstudio.registry.access import model_to_try, version_for, version_to_try
from nlpstudio.registry.models import Model, ModelVersion

router = Router(tags=["models"])


def _model(model: Model) -> dict[str, Any]:
    return {
        "id": str(model.pk),
        "project": str(model.project_id),
        "name": model.name,
        "task": model.task,
        "visibility": model.visibility,
        "created_at": model.created_at.isoformat(),
    }


def _version(version: ModelVersion, *, as_guest: bool = False) -> dict[str, Any]:
    """Guests learn nothing of the data that the version came from."""
    run = None if as_guest else getattr(version, "run", None)
    return {
        "id": str(version.pk),
        "model": str(version.model_id),
        "name": version.model.name,
        "number": version.number,
        "task": version.model.task,
        "base_model": version.base_model,
        "dataset_version": None if as_guest else str(version.dataset_version_id),
        "run": str(run.pk) if run else None,
        "labels": version.labels,
        "metrics": version.metrics,
        "split": version.metrics_split,
        "spec": version.spec,
        "examples": [] if as_guest else version.examples,
        "abstain_below": version.abstain_below,
        "weights_sha256": version.weights_sha256,
        "size_bytes": version.size_bytes,
        "engine": version.answering_engine,
        "created_at": version.created_at.isoformat(),
    }


@router.get("/projects/{uuid:project_id}/models", response=Listing, summary="The models of a project")
def index(request: ApiRequest, project_id: UUID, page: int = 1) -> dict[str, Any]:
    """Newest first, each with the id and the metrics of its latest version."""
    project = project_for(request.auth, project_id)
    rows = Model.objects.visible_to(request.auth).filter(project=project).for_list()
    return paged(request, rows, _with_latest, page)


@router.get("/models", response=Listing, summary="Every model you may try")
def everywhere(request: ApiRequest, page: int = 1) -> dict[str, Any]:
    """Those of your projects and those that are visible to everyone here, newest first."""
    return paged(request, Model.objects.open_to(request.auth).for_list(), _with_latest, page)


def _with_latest(model: Any) -> dict[str, Any]:
    latest = {
        "id": str(model.latest_id),
        "number": model.latest_number,
        "metrics": model.latest_metrics,
        "split": model.latest_split,
    }
    return {**_model(model), "latest": latest if model.latest_id else None}


@router.get("/models/{uuid:model_id}", response=dict[str, Any], summary="One model with its versions")
def detail(request: ApiRequest, model_id: UUID) -> dict[str, Any]:
    """All versions, newest first. A guest of a model that everyone may see is not told what they came from."""
    model = model_to_try(request.auth, model_id)
    versions = model.versions.select_related("model", "run", "export")
    as_guest = model.project.my_role is None
    return {**_model(model), "versions": [_version(version, as_guest=as_guest) for version in versions]}


@router.get("/model-versions/{uuid:version_id}", response=dict[str, Any], summary="One version")
def version(request: ApiRequest, version_id: UUID) -> dict[str, Any]:
    """Where it came from and its figures; `metrics` belong to `split`."""
    found = version_to_try(request.auth, version_id)
    return _version(found, as_guest=found.model.project.my_role is None)


@router.get("/model-versions/{uuid:version_id}/evaluation", response=dict[str, Any], summary="Its evaluation report")
def evaluation(request: ApiRequest, version_id: UUID) -> dict[str, Any]:
    """The content of `evaluation.json`: for each split its rows, metrics, per-label table and confusion. Guests get no
    rows of the data.
    """
    found = version_to_try(request.auth, version_id)
    return reports.read(found.artifact, as_guest=found.model.project.my_role is None)


@router.get("/model-versions/{uuid:version_id}/mistakes", response=Listing, summary="Its mistakes, the worst first")
def mistakes_of(
    request: ApiRequest, version_id: UUID, split: str = "", gold: str = "", predicted: str = "", page: int = 1
) -> dict[str, Any]:
    """Rows of a held-out split (test where there is one) that the model got wrong, with the row itself."""
    wanted = mistakes.Filter(split=split, gold=gold, predicted=predicted)
    found = mistakes.page(version_for(request.auth, version_id), wanted, page)
    if found.number != page:
        raise Http404
    results = [
        {
            "row": dict(each.record),
            "gold": each.gold,
            "predicted": each.predicted,
            "confidence": each.confidence,
            "loss": each.loss,
        }
        for each in found.items
    ]
    return listing(request, count=found.count, page=page, results=results, per_page=mistakes.PER_PAGE)


@router.get("/model-versions/{uuid:version_id}/engines", response=dict[str, Any], summary="Its engines, compared")
def engines_of(request: ApiRequest, version_id: UUID) -> dict[str, Any]:
    """`wanted` is the owner's choice, `answering` what answers now; `report` the comparison (`{}` before it is made)."""
    found = version_for(request.auth, version_id)
    export = getattr(found, "export", None)
    return {
        "wanted": found.engine,
        "answering": found.answering_engine,
        "state": export.state if export else None,
        "report": export.report if export else {},
    }


@router.get("/model-versions/{uuid:version_id}/download", summary="Its files as a zip")
def download(request: ApiRequest, version_id: UUID) -> StreamingHttpResponse:
    """The folder that plain transformers loads, with model card, label map, metrics and manifest."""
    found = version_for(request.auth, version_id)
    if not found.artifact.is_dir():
        raise Http404
    return attachment(
        archive.zipped(found.artifact, archive.name_of(found)), f"{archive.name_of(found)}.zip", "application/zip"
    )
