"""One run: its live page, its curves, its log, its settings."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.navigation import Link
from nlpstudio.core.policy import Policy, policy
from nlpstudio.core.streaming import file_attachment
from nlpstudio.engine.spec import TrainParams, settings_in_use
from nlpstudio.runs import charts, showing
from nlpstudio.runs.access import run_for
from nlpstudio.runs.models import Run
from nlpstudio.runs.wording import ENVIRONMENT, PATHS, SETTINGS

LOG_LINES = 500


@policy(Policy.VIEWER)
def detail(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """State, progress, buttons and curves, all live."""
    return _page(request, run_for(request.user, run_id), "detail")


@policy(Policy.VIEWER)
def chart(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """The curves as JSON; the page then follows the events after `after`."""
    return JsonResponse(charts.curves(run_for(request.user, run_id)))


@policy(Policy.VIEWER)
def log(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """The end of the log, fetched again while the run is under way."""
    run = run_for(request.user, run_id)
    tail = showing.tail_of(run.folder / "log.txt", LOG_LINES)
    return _page(request, run, "log", partial="tail", log_tail=tail)


@policy(Policy.VIEWER)
def log_file(request: HtmxRequest, run_id: UUID) -> HttpResponseBase:
    """The whole log as a file."""
    run = run_for(request.user, run_id)
    try:
        return file_attachment(run.folder / "log.txt", f"run-{run.pk}.log", "text/plain; charset=utf-8")
    except FileNotFoundError as error:
        raise Http404 from error


@policy(Policy.VIEWER)
def config(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """Every setting that the task has beside its default, and the whole order to copy."""
    run = run_for(request.user, run_id)
    params, defaults = run.train_spec.params, TrainParams()
    shown = settings_in_use(run.train_spec.task, dataclasses.asdict(params)) | params.changed().keys()
    rows = [
        {"label": SETTINGS[f.name][0], "name": f.name, "value": getattr(params, f.name), "default": f.default}
        for f in dataclasses.fields(params)
        if f.name in shown
    ]
    order = {"dataset_version": str(run.dataset_version_id), "base_model": run.base_model, "params": params.changed()}
    return _page(
        request,
        run,
        "config",
        rows=rows,
        changed=len(params.changed()),
        defaults=defaults,
        environment=[
            (ENVIRONMENT.get(key, key), PATHS.get(value, value) if key == "path" else value)
            for key, value in run.environment.items()
        ],
        as_json=json.dumps(order, indent=2, ensure_ascii=False),
        as_yaml=_yaml(order),
    )


def _yaml(order: dict[str, Any]) -> str:
    """The order as YAML: JSON scalars are YAML scalars."""
    lines = [f"{key}: {json.dumps(value)}" for key, value in order.items() if key != "params"]
    params = [f"  {key}: {json.dumps(value)}" for key, value in order["params"].items()]
    return "\n".join([*lines, "params:" if params else "params: {}", *params])


def _page(request: HtmxRequest, run: Run, here: str, *, partial: str = "", **more: Any) -> HttpResponse:
    labels = {"detail": _("Charts"), "log": _("Log"), "config": _("Settings")}
    tabs = [
        Link(label=label, url=reverse(f"runs:{name}", args=[run.pk]), active=name == here)
        for name, label in labels.items()
    ]
    context = {**showing.context_of(run), "section": "runs", "tabs": tabs, "page": here, **more}
    return render_page(request, f"runs/{here}.html", context, partial=partial)
