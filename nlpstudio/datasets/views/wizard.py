"""The import wizard: the file, how to read it, and what came of it. Its state is the draft version in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse

from nlpstudio.core import workers
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.datasets import services
from nlpstudio.datasets.access import dataset_for, version_for
from nlpstudio.datasets.file_templates import TEMPLATES
from nlpstudio.datasets.forms import CUSTOM, ImportForm, NewVersionForm, UploadForm, draft_options, initial_of
from nlpstudio.datasets.models import DatasetVersion, VersionState, task_choices
from nlpstudio.datasets.showing import shown
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.sniffing import Sniffed, sniff
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Role


@policy(Policy.EDITOR, "GET", "POST")
def create(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """Step 1 of a new data set: task, name and file."""
    project = project_for(request.user, project_id, Role.EDITOR)
    form = UploadForm(*_posted(request))
    if form.is_valid():
        try:
            version = services.upload(project=project, by=request.user, **form.cleaned_data)
            return go_to(request, "datasets:configure", version.pk)
        except StudioError as error:
            form.add_error("file", _words(error))
    examples = [(task, name, TEMPLATES[task]) for task, name in task_choices()]
    context = {"project": project, "form": form, "examples": examples, "has_worker": workers.is_alive("io")}
    return _form_page(request, "datasets/create.html", context, form, partial="form")


@policy(Policy.EDITOR, "GET", "POST")
def new_version(request: HtmxRequest, dataset_id: UUID) -> HttpResponse:
    """Step 1 of a further version: only the file."""
    dataset = dataset_for(request.user, dataset_id, Role.EDITOR)
    form = NewVersionForm(*_posted(request))
    if form.is_valid():
        try:
            version = services.new_version(dataset=dataset, by=request.user, file=form.cleaned_data["file"])
            return go_to(request, "datasets:configure", version.pk)
        except StudioError as error:
            form.add_error("file", _words(error))
    context = {
        "project": dataset.project,
        "dataset": dataset,
        "form": form,
        "example": TEMPLATES[dataset.task],
        "has_worker": workers.is_alive("io"),
    }
    return _form_page(request, "datasets/new_version.html", context, form, partial="form")


@policy(Policy.EDITOR, "GET", "POST")
def configure(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Steps 2 and 3: how to read the file, with a preview that follows every change, and the split."""
    version = version_for(request.user, version_id, Role.EDITOR)
    if not version.is_configurable:
        return go_to(request, "datasets:importing", version.pk)
    if request.method != "POST":
        return _configure_page(request, version, version.import_options)
    if "start" in request.POST:
        return _start(request, version)
    options = draft_options(version.dataset.task, request.POST.dict(), version.import_options)
    if options is not None:
        services.save_draft(version=version, options=options)
    return _configure_page(request, version, options or version.import_options, unfinished=options is None)


def _start(request: HtmxRequest, version: DatasetVersion) -> HttpResponse:
    posted = draft_options(version.dataset.task, request.POST.dict(), version.import_options)
    sniffed = _sniff(version, posted or version.import_options)
    form = ImportForm(request.POST, task=version.dataset.task, sniffed=sniffed)
    if not form.is_valid() or not sniffed.usable:
        return _configure_page(request, version, posted or version.import_options, bound=True)
    try:
        services.configure(version=version, options=form.options(), by=request.user)
    except StudioError as error:  # somebody started it meanwhile
        messages.error(request, _words(error))
    return go_to(request, "datasets:importing", version.pk)


def _sniff(version: DatasetVersion, options: ImportOptions) -> Sniffed:
    return sniff(version.source, version.dataset.task, options, name=version.source_name)


def _configure_page(
    request: HtmxRequest,
    version: DatasetVersion,
    options: ImportOptions,
    *,
    bound: bool = False,
    unfinished: bool = False,
) -> HttpResponse:
    """`bound` shows the errors of what was posted; `unfinished` keeps it without, because somebody is still typing."""
    sniffed = _sniff(version, options)
    initial = initial_of(options, sniffed)
    if request.POST.get("preset") == CUSTOM:  # shares like those of a preset may be on their way to others
        initial["preset"] = CUSTOM
    if unfinished:
        initial.update(request.POST.dict())
    form = ImportForm(request.POST if bound else None, initial=initial, task=version.dataset.task, sniffed=sniffed)
    labels = sorted({label for each in sniffed.preview for label in _labels(each)})
    task = version.dataset.task
    rows = [
        {"problem": each["problem"]} if "problem" in each else {"row": shown(each["record"], task, labels)}
        for each in sniffed.preview
    ]
    context = {
        "project": version.dataset.project,
        "version": version,
        "dataset": version.dataset,
        "form": form,
        "sniffed": sniffed,
        "preview": rows,
        "unfinished": unfinished,
        "has_worker": workers.is_alive("io"),
    }
    return _form_page(request, "datasets/configure.html", context, form, partial="form")


def _labels(preview: dict[str, Any]) -> list[str]:
    record = preview.get("record", {})
    return [*record.get("labels", ()), *record.get("tags", ())]


@policy(Policy.VIEWER)
def importing(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Step 4: how far the import is, then what came of it. Of a draft it says only to viewers that it is one."""
    version = version_for(request.user, version_id)
    if version.state == VersionState.DRAFT and version.dataset.project.is_editable:
        return go_to(request, "datasets:configure", version.pk)
    context = {
        "project": version.dataset.project,
        "version": version,
        "dataset": version.dataset,
        "problems": version.first_problems[:20],
        "has_worker": workers.is_alive("io"),
    }
    return render_page(request, "datasets/importing.html", context, partial="outcome")


def _posted(request: HtmxRequest) -> tuple[Any, Any]:
    return (request.POST, request.FILES) if request.method == "POST" else (None, None)


def _words(error: StudioError) -> str:
    return f"{error.message} {error.hint}".strip()


def _form_page(
    request: HtmxRequest, template: str, context: dict[str, Any], form: Form, *, partial: str = ""
) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, template, context, partial=partial, status=status)
