"""The data sets of a project, and ways to get the first one."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase

from nlpstudio.core import workers
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.core.streaming import attachment
from nlpstudio.datasets import services
from nlpstudio.datasets.file_templates import TEMPLATES
from nlpstudio.datasets.models import DatasetVersion, task_choices
from nlpstudio.engine.samples import SAMPLES
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Role


@policy(Policy.VIEWER)
def index(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """Every data set with its newest version. Asks again by itself while one is importing."""
    project = project_for(request.user, project_id)
    query, task, order = (request.GET.get(key, "") for key in ("q", "task", "sort"))
    rows = project.datasets.visible_to(request.user).found(query, task).for_list().sorted_by(order)
    page = page_of(rows, request.GET.get("page"))
    context = {
        "project": project,
        "page": page,
        "query": query,
        "task": task,
        "sort": order,
        "tasks": task_choices(),
        "is_filtered": bool(query or task),
        "is_busy": DatasetVersion.objects.importing().filter(dataset__project=project).exists(),
        "samples": [] if page.paginator.count or query or task else SAMPLES.values(),
        "has_worker": workers.is_alive("io"),
    }
    return render_page(request, "datasets/list.html", context, partial="table")


@policy(Policy.EDITOR, "POST")
def add_sample(request: HtmxRequest, project_id: UUID, sample_id: str) -> HttpResponse:
    """Take one of the samples that come with the studio into the project."""
    project = project_for(request.user, project_id, Role.EDITOR)
    if sample_id not in SAMPLES:
        raise Http404
    try:
        version = services.add_sample(project=project, sample_id=sample_id, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}".strip())
        return go_to(request, "datasets:list", project.pk)
    return go_to(request, "datasets:importing", version.pk)


@policy(Policy.SIGNED_IN)
def template_file(request: HtmxRequest, task: str) -> HttpResponseBase:
    """A small file of the task's form, to be filled in."""
    if task not in TEMPLATES:
        raise Http404
    if task == "pretraining":
        return attachment([TEMPLATES[task].encode()], f"{task}-template.txt", "text/plain; charset=utf-8")
    return attachment([TEMPLATES[task].encode()], f"{task}-template.tsv", "text/tab-separated-values; charset=utf-8")
