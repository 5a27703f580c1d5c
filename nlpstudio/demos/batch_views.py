"""Predicting a file: upload it, say which column is the text, follow the prediction, take the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from nlpstudio.core import workers
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.demos import batches, downloads
from nlpstudio.demos.access import batch_for, may_end, own_batch_for
from nlpstudio.demos.batch_forms import HOW, FileForm, ReadingForm, initial_of, reading_of
from nlpstudio.demos.models import Batch
from nlpstudio.demos.words import SENTENCES
from nlpstudio.engine.batch.order import ROLES, Reading
from nlpstudio.registry.access import version_for
from nlpstudio.registry.models import ModelVersion


@policy(Policy.VIEWER, "GET", "POST")
def predict_file(request: HtmxRequest, version_id: UUID) -> HttpResponse:
    """Bring a file; beneath, what was predicted before. Asks again by itself while one is under way."""
    version = version_for(request.user, version_id)
    if not batches.answers_files(version):
        raise Http404
    form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
    if form.is_valid():
        try:
            batch = batches.upload(version=version, by=request.user, file=form.cleaned_data["file"])
            return go_to(request, "demos:configure", batch.pk)
        except StudioError as error:
            form.add_error("file", f"{error.message} {error.hint}".strip())
    page = page_of(Batch.objects.filter(version=version).select_related("created_by"), request.GET.get("page"))
    context = {
        **_frame(version),
        "form": form,
        "page": page,
        "is_busy": Batch.objects.filter(version=version).under_way().exists(),
        "has_worker": workers.is_alive("io"),
    }
    partial = "form" if request.method == "POST" else "history"
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "demos/predict_file.html", context, partial=partial, status=status)


@policy(Policy.VIEWER, "GET", "POST")
def configure(request: HtmxRequest, batch_id: UUID) -> HttpResponse:
    """Which column is what, with a preview that follows every change."""
    batch = batch_for(request.user, batch_id)
    if not batch.is_draft:
        return go_to(request, "demos:batch", batch.pk)
    before = Reading.from_json(batch.reading)
    if request.method != "POST":
        return _configure_page(request, batch, before)
    chosen = reading_of(request.POST.dict())
    if any(getattr(chosen, name) != getattr(before, name) for name in HOW):
        chosen = replace(chosen, columns=None)  # read otherwise, the file has other columns
    if "start" in request.POST:
        form = _form(batch, batches.first_look(batch, chosen), request)
        if form.is_valid():
            try:
                batches.start(batch=batch, reading=form.reading(), by=request.user)
                return go_to(request, "demos:batch", batch.pk)
            except StudioError as error:
                form.add_error(
                    None, f"{SENTENCES.translated(error.message)} {SENTENCES.translated(error.hint)}".strip()
                )
        return _configure_page(request, batch, chosen, form)
    batches.save_draft(batch=batch, reading=chosen)
    return _configure_page(request, batch, chosen)


def _form(batch: Batch, sniffed: Any, request: HtmxRequest) -> ReadingForm:
    version = batch.version
    return ReadingForm(request.POST, task=version.model.task, pairs=version.takes_pairs, sniffed=sniffed)


def _configure_page(
    request: HtmxRequest, batch: Batch, reading: Reading, bound: ReadingForm | None = None
) -> HttpResponse:
    sniffed = batches.first_look(batch, reading)
    version = batch.version
    form = bound or ReadingForm(
        initial=initial_of(reading, sniffed), task=version.model.task, pairs=version.takes_pairs, sniffed=sniffed
    )
    roles = [role for role in ROLES[version.model.task].all if role in sniffed.guessed]
    context = {
        **_frame(version),
        "batch": batch,
        "form": form,
        "sniffed": sniffed,
        "shown": [form.fields[f"role_{role}"].label for role in roles if f"role_{role}" in form.fields],
        "has_worker": workers.is_alive("io"),
    }
    status = 422 if form.is_bound and form.errors else 200
    return render_page(request, "demos/batch_configure.html", context, partial="form", status=status)


@policy(Policy.VIEWER)
def detail(request: HtmxRequest, batch_id: UUID) -> HttpResponse:
    """How far the prediction is, then what came of it."""
    batch = batch_for(request.user, batch_id)
    if batch.is_draft:
        return go_to(request, "demos:configure", batch.pk)
    context = {
        **_frame(batch.version),
        "batch": batch,
        "outcome": batch.outcome,
        "is_safe_offered": batch.outcome is not None and batch.outcome.format in downloads.TABLES,
        "may_end": may_end(request.user, batch),
        "has_worker": workers.is_alive("io"),
    }
    return render_page(request, "demos/batch.html", context, partial="outcome")


@policy(Policy.VIEWER, "POST")
def cancel(request: HtmxRequest, batch_id: UUID) -> HttpResponse:
    """End the prediction; by whose it is, or an editor."""
    return _do(request, own_batch_for(request.user, batch_id), batches.cancel)


@policy(Policy.VIEWER, "POST")
def resume(request: HtmxRequest, batch_id: UUID) -> HttpResponse:
    """Go on with a failed prediction where it stopped."""
    return _do(request, batch_for(request.user, batch_id), batches.resume)


@policy(Policy.VIEWER, "POST")
def delete(request: HtmxRequest, batch_id: UUID) -> HttpResponse:
    """Delete the prediction with its files; by whose it is, or an editor."""
    batch = own_batch_for(request.user, batch_id)
    try:
        batches.delete(batch=batch, by=request.user)
    except StudioError as error:
        return _told(request, batch, error)
    messages.success(request, _("%(name)s was deleted.") % {"name": batch.source_name})
    return go_to(request, "demos:predict_file", batch.version_id)


@policy(Policy.VIEWER)
def download(request: HtmxRequest, batch_id: UUID) -> HttpResponseBase:
    """The file with the answers added."""
    batch = batch_for(request.user, batch_id)
    try:
        return downloads.result(batch, safe=request.GET.get("safe", "") == "1")
    except StudioError as error:
        return _told(request, batch, error)


def _do(request: HtmxRequest, batch: Batch, deed: Callable[..., None]) -> HttpResponse:
    try:
        deed(batch=batch, by=request.user)
    except StudioError as error:
        return _told(request, batch, error)
    return go_to(request, "demos:batch", batch.pk)


def _told(request: HtmxRequest, batch: Batch, error: StudioError) -> HttpResponse:
    """Back to the prediction's page, which says why not."""
    messages.error(request, f"{error.message} {error.hint}".strip())
    return go_to(request, "demos:batch", batch.pk)


def _frame(version: ModelVersion) -> dict[str, Any]:
    return {
        "project": version.model.project,
        "section": "models",
        "version": version,
        "demo_url": reverse("demos:demo", args=[version.pk]),
    }
