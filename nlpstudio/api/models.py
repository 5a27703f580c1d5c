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
from nlpstudio.registry.access import model_for, version_for
from nlpstudio.registry.models import Model, ModelVersion

router = Router(tags=["models"])


def _model(model: Model) -> dict[str, Any]:
    return {
        "id": str(model.pk),
        "project": str(model.project_id),
        "name": model.name,
        "task": model.task,
        "created_at": model.created_at.isoformat(),
    }


def _version(version: ModelVersion) -> dict[str, Any]:
    run = getattr(version, "run", None)
    return {
        "id": str(version.pk),
        "model": str(version.model_id),
        "name": version.model.name,
        "number": version.number,
        "task": version.model.task,
        "base_model": version.base_model,
        "dataset_version": str(version.dataset_version_id),
        "run": str(run.pk) if run else None,
        "labels": version.labels,
        "metrics": version.metrics,
        "split": version.metrics_split,
        "spec": version.spec,
        "examples": version.examples,
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

    def to_json(model: Any) -> dict[str, Any]:
        latest = {
            "id": str(model.latest_id),
            "number": model.latest_number,
            "metrics": model.latest_metrics,
            "split": model.latest_split,
        }
        return {**_model(model), "latest": latest if model.latest_id else None}

    return paged(request, rows, to_json, page)


@router.get("/models/{uuid:model_id}", response=dict[str, Any], summary="One model with its versions")
def detail(request: ApiRequest, model_id: UUID) -> dict[str, Any]:
    """All versions, newest first."""
    model = model_for(request.auth, model_id)
    versions = model.versions.select_related("model", "run", "export")
    return {**_model(model), "versions": [_version(version) for version in versions]}


@router.get("/model-versions/{uuid:version_id}", response=dict[str, Any], summary="One version")
def version(request: ApiRequest, version_id: UUID) -> dict[str, Any]:
    """Where it came from and its figures; `metrics` belong to `split`."""
    return _version(version_for(request.auth, version_id))


@router.get("/model-versions/{uuid:version_id}/evaluation", response=dict[str, Any], summary="Its evaluation report")
def evaluation(request: ApiRequest, version_id: UUID) -> dict[str, Any]:
    """The content of `evaluation.json`: for each split its rows, metrics, per-label table and confusion."""
    return reports.read(version_for(request.auth, version_id).artifact)


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
