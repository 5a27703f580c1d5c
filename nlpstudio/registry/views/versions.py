"""The pages of one model version: its card and figures, the rows behind them, its files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.marks import entity_types
from nlpstudio.core.navigation import Link
from nlpstudio.core.policy import Policy, policy
from nlpstudio.core.streaming import attachment
from nlpstudio.engine import manifest
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.registry import archive, card, reports
from nlpstudio.registry import mistakes as judged
from nlpstudio.registry.access import shell_of, version_for, version_to_try
from nlpstudio.registry.display import shown
from nlpstudio.registry.forms import MistakesForm
from nlpstudio.registry.models import ModelVersion


@policy(Policy.VIEWER)
def detail(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The card, the evaluation report of each split, and where the version came from."""
    version = version_to_try(request.user, version_id)
    context = {
        **frame(version, "card"),
        "reports": reports.of(version, as_guest=version.model.project.my_role is None),
        "report_template": f"registry/_report_{family_of(version)}.html",
        "card": card.blocks_of(version.artifact),
        "api_url": request.build_absolute_uri(f"/api/v1/model-versions/{version.pk}/predict"),
    }
    return render_page(request, "registry/version.html", context)


@policy(Policy.VIEWER)
def mistakes(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The worst mistakes first, to be filtered."""
    return _rows(request, version_for(request.user, version_id), {})


@policy(Policy.VIEWER)
def confusion(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The rows behind one cell of the confusion matrix: `gold` and `predicted`, right ones too."""
    return _rows(request, version_for(request.user, version_id), {"show": MistakesForm.ALL})


@policy(Policy.VIEWER)
def files(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Every file of the artifact with its size and sha256."""
    version = version_for(request.user, version_id)
    listed = manifest.read(version.artifact)["files"]
    rows = [{"name": name, **facts} for name, facts in sorted(listed.items())]
    return render_page(request, "registry/files.html", {**frame(version, "files"), "files": rows})


@policy(Policy.VIEWER)
def download(request: HtmxRequest, version_id: UUID) -> StreamingHttpResponse:
    """The artifact as a zip, written while it is sent."""
    version = version_for(request.user, version_id)
    if not version.artifact.is_dir():
        raise Http404
    name = archive.name_of(version)
    return attachment(archive.zipped(version.artifact, name), f"{name}.zip", "application/zip")


def _rows(request: HtmxRequest, version: ModelVersion, defaults: dict[str, str]) -> HttpResponse:
    splits = judged.splits_of(version)
    form = MistakesForm({**defaults, **request.GET.dict()}, splits=splits, labels=_choices(version))
    template = f"registry/_mistakes_{family_of(version)}.html"
    context = {**frame(version, "mistakes"), "form": form, "splits": splits, "mistake_template": template}
    if splits and form.is_valid():
        found = judged.page(version, form.wanted(), _number(request.GET.get("page", "")))
        context |= {"page": found, "rows": [shown(each, version) for each in found.items]}
    status = 200 if not splits or form.is_valid() else 422
    return render_page(request, "registry/mistakes.html", context, partial="rows", status=status)


def family_of(version: ModelVersion) -> str:
    """Which templates show its results: the task's own, or those of all tasks that write."""
    return "writing" if CATALOGUE[version.model.task].writes else version.model.task


def _choices(version: ModelVersion) -> Sequence[str]:
    return entity_types(version.labels) if version.model.task == "ner" else version.labels


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 1


def _run_of(version: ModelVersion) -> Any:
    """The run that put the version here, which the app above knows of; None when it was deleted."""
    run = getattr(version, "run", None)
    return run if run is not None and run.deleted_at is None else None


def frame(version: ModelVersion, active: str) -> dict[str, Any]:
    """What every page of a version shows above its own part."""
    sure = [("confidence", _("Confidence"), "registry:confidence")] if version.model.task == "classification" else []
    tabs = [
        ("card", _("Card and figures"), "registry:version"),
        *sure,
        ("mistakes", _("Mistakes"), "registry:mistakes"),
        ("serving", _("Serving"), "registry:serving"),
        ("files", _("Files"), "registry:files"),
    ]
    return {
        **shell_of(version.model.project),
        "version": version,
        "run": _run_of(version),
        "tabs": []
        if version.model.project.my_role is None
        else [
            Link(label=label, url=reverse(name, args=[version.pk]), active=key == active)
            for key, label, name in tabs
            if key != "mistakes" or version.model.task != "pretraining"
        ],
    }
