"""A new run: choose data and base model, see whether all is ready, start."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse

from nlpstudio.core import workers
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Project, Role
from nlpstudio.runs import estimating, readiness, services, suggesting
from nlpstudio.runs.access import run_for
from nlpstudio.runs.forms import RunForm, first_values, with_suggestions
from nlpstudio.runs.words import SENTENCES

FILLED = "epochs"
"""A field whose presence says that the query is the form itself, sent to be looked at again."""


@policy(Policy.EDITOR, "GET", "POST")
def create(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """The form; its own values in the query bring it back with what is ready and what is not."""
    project = project_for(request.user, project_id, Role.EDITOR)
    if request.method == "POST":
        return _start(request, project)
    if FILLED in request.GET:
        form = _looked_at_again(request, project)
    else:
        form = RunForm(first_values(project, request.GET.dict()), project=project)
    return _page(request, project, form)


@policy(Policy.EDITOR)
def clone(request: HtmxRequest, run_id: UUID) -> HttpResponse:
    """The form of a new run, filled with the choices of this one."""
    run = run_for(request.user, run_id, Role.EDITOR)
    form = RunForm(services.clone(run), project=run.project)
    return _page(request, run.project, form)


def _start(request: HtmxRequest, project: Project) -> HttpResponse:
    form = RunForm(request.POST, project=project)
    version = form.version
    if form.is_valid() and version is not None:
        try:
            run = services.start(
                project=project,
                dataset_version=version,
                spec=form.spec(),
                by=request.user,
                name=form.cleaned_data["name"],
                needs=form.cleaned_data["needs"],
            )
        except StudioError as error:
            form.add_error(None, " ".join(map(SENTENCES.translated, (error.message, error.hint))).strip())
        else:
            return go_to(request, "runs:detail", run.pk)
    return _page(request, project, form, status=422)


def _looked_at_again(request: HtmxRequest, project: Project) -> RunForm:
    form = RunForm(request.GET, project=project)
    values = with_suggestions(form, request.GET.dict(), form.version)
    return RunForm(values, project=project)


def _page(request: HtmxRequest, project: Project, form: RunForm, status: int = 200) -> HttpResponse:
    context: dict[str, Any] = {
        "project": project,
        "section": "runs",
        "form": form,
        "version": form.version,
        "entry": form.entry,
        "waiting": services.queue_length(),
        "has_worker": workers.is_alive("train"),
    }
    if form.is_valid() and form.version is not None:
        spec = form.spec()
        found = readiness.reasons(version=form.version, spec=spec)
        context |= {
            "blocking": [reason for reason in found if reason.blocks],
            "warnings": [reason for reason in found if not reason.blocks],
            "steps": suggesting.steps(form.version, spec.params),
            "params": spec.params,
        }
        is_fresh = suggesting.begins_fresh(form.version, form.entry)
        if form.entry is not None and (is_fresh or spec.task == "pretraining"):
            context["cost"] = estimating.cost(form.version, form.entry, spec.params)
            if is_fresh:
                context["presets"] = estimating.presets(form.version, form.entry, spec.params)
    return render_page(request, "runs/create.html", context, partial="form", status=status)
