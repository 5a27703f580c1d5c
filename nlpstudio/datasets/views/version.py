"""One version: its rows, figures, problems, siblings and uses, and its files to take away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.navigation import Link
from nlpstudio.core.policy import Policy, policy
from nlpstudio.datasets import downloads, figures
from nlpstudio.datasets.access import version_for
from nlpstudio.datasets.models import DatasetVersion, VersionState
from nlpstudio.datasets.showing import label_choices, shown
from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.store import PROBLEMS_KEPT

ROWS_PER_PAGE = 25
PROBLEMS_PER_PAGE = 50


@policy(Policy.VIEWER)
def data(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The rows, searched and filtered, a page at a time."""
    version = version_for(request.user, version_id)
    if not version.is_ready:
        step = (
            "configure" if version.state == VersionState.DRAFT and version.dataset.project.is_editable else "importing"
        )
        return go_to(request, f"datasets:{step}", version.pk)
    query, split, label = (request.GET.get(key, "").strip()[:200] for key in ("q", "split", "label"))
    folder = downloads.folder_of(version)
    number = _number(request)
    chosen = split if split in SPLITS else None
    records, total = folder.page((number - 1) * ROWS_PER_PAGE, ROWS_PER_PAGE, chosen, query or None, label or None)
    task = version.dataset.task
    context = {
        **_shell(version, "data"),
        "page": Paginator(range(total), ROWS_PER_PAGE).get_page(number),
        "rows": [shown(record, task, version.labels) for record in records],
        "query": query,
        "split": split,
        "label": label,
        "choices": label_choices(task, version.labels),
        "splits": [name for name in SPLITS if version.splits.get(name)],
    }
    return render_page(request, "datasets/data.html", context, partial="rows")


@policy(Policy.VIEWER)
def row(request: HtmxRequest, version_id: UUID, row_id: int) -> HttpResponse:
    """One row in whole, at an address of its own."""
    version = version_for(request.user, version_id)
    if not version.is_ready or not 0 <= row_id < version.rows:
        raise Http404
    record = downloads.folder_of(version).get([row_id])[row_id]
    context = {
        **_shell(version, "data"),
        "row": shown(record, version.dataset.task, version.labels, whole=True),
        "previous": row_id - 1 if row_id else None,
        "next": row_id + 1 if row_id + 1 < version.rows else None,
    }
    return render_page(request, "datasets/row.html", context)


@policy(Policy.VIEWER)
def statistics(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Labels, lengths and what looks odd, as the import counted them."""
    version = version_for(request.user, version_id)
    context = {**_shell(version, "statistics"), "figures": figures.of(version)}
    return render_page(request, "datasets/statistics.html", context)


@policy(Policy.VIEWER)
def problems(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The bad rows: where, what, why, and how to mend them."""
    version = version_for(request.user, version_id)
    number = _number(request)
    found, total = downloads.problems_of(version, (number - 1) * PROBLEMS_PER_PAGE, PROBLEMS_PER_PAGE)
    context = {
        **_shell(version, "problems"),
        "page": Paginator(range(total), PROBLEMS_PER_PAGE).get_page(number),
        "problems": found,
        "kept": PROBLEMS_KEPT,
    }
    return render_page(request, "datasets/problems.html", context, partial="table")


@policy(Policy.VIEWER)
def versions(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """All versions of the data set."""
    version = version_for(request.user, version_id)
    context = {**_shell(version, "versions"), "versions": version.dataset.versions.with_use()}
    return render_page(request, "datasets/versions.html", context)


@policy(Policy.VIEWER)
def used_by(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """The runs that trained on this version."""
    version = version_for(request.user, version_id)
    runs = version.runs.filter(deleted_at__isnull=True).select_related("created_by").order_by("-created_at")[:200]
    return render_page(request, "datasets/used_by.html", {**_shell(version, "used_by"), "runs": runs})


@policy(Policy.VIEWER)
def download(request: HtmxRequest, version_id: UUID) -> HttpResponseBase:
    """The good rows as TSV or JSONL, once there are any."""
    version = version_for(request.user, version_id)
    if not version.is_ready:
        raise Http404
    split = request.GET.get("split", "")
    safe = request.GET.get("safe", "") == "1"
    return downloads.export(
        version, request.GET.get("format", "tsv"), split=split if split in SPLITS else None, safe=safe
    )


@policy(Policy.VIEWER)
def rejected(request: HtmxRequest, version_id: UUID) -> HttpResponseBase:
    """The lines that were left out."""
    return downloads.rejected(version_for(request.user, version_id))


def _number(request: HtmxRequest) -> int:
    asked = request.GET.get("page", "1")
    return max(int(asked), 1) if asked.isdecimal() and len(asked) < 10 else 1


def _shell(version: DatasetVersion, active: str) -> dict[str, Any]:
    dataset = version.dataset
    pages = (
        ("data", "version", _("Data"), version.rows),
        ("statistics", "statistics", _("Statistics"), None),
        ("problems", "problems", _("Problems"), version.problem_count),
        ("versions", "versions", _("Versions"), None),
        ("used_by", "used_by", _("Used by"), None),
    )
    inbox = Link(
        label=_("Corrections"),
        url=reverse("demos:corrections", args=[dataset.pk]),
        count=dataset.corrections.filter(state="waiting").count(),
    )
    tabs = [
        Link(label=label, url=reverse(f"datasets:{view}", args=[version.pk]), active=name == active, count=count)
        for name, view, label, count in pages
    ]
    tabs.append(inbox)
    return {"project": dataset.project, "dataset": dataset, "version": version, "tabs": tabs}
