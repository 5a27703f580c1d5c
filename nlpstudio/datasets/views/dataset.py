"""One data set as a whole: the way to its newest version, its name, its end."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.datasets import services
from nlpstudio.datasets.access import dataset_for
from nlpstudio.datasets.forms import RenameForm
from nlpstudio.datasets.models import VersionState
from nlpstudio.projects.models import Role


@policy(Policy.VIEWER)
def detail(request: HtmxRequest, dataset_id: UUID) -> HttpResponse:
    """Go to the newest version; those who cannot settle a draft, to the newest that is none."""
    dataset = dataset_for(request.user, dataset_id)
    versions = dataset.versions.all()
    settled = versions.none() if dataset.project.is_editable else versions.exclude(state=VersionState.DRAFT)
    newest = settled.first() or versions.first()
    if newest is None:
        raise Http404
    return go_to(request, "datasets:version", newest.pk)


@policy(Policy.EDITOR, "GET", "POST")
def rename(request: HtmxRequest, dataset_id: UUID) -> HttpResponse:
    """Give the data set another name."""
    dataset = dataset_for(request.user, dataset_id, Role.EDITOR)
    form = RenameForm(request.POST if request.method == "POST" else None, initial={"name": dataset.name})
    if form.is_valid():
        services.rename(dataset=dataset, name=form.cleaned_data["name"], by=request.user)
        return go_to(request, "datasets:detail", dataset.pk)
    context = {"project": dataset.project, "dataset": dataset, "form": form}
    return render_page(request, "datasets/rename.html", context, status=422 if form.errors else 200)


@policy(Policy.EDITOR, "POST")
def delete(request: HtmxRequest, dataset_id: UUID) -> HttpResponse:
    """Hide the data set from everyone, unless a run trains on it."""
    dataset = dataset_for(request.user, dataset_id, Role.EDITOR)
    try:
        services.delete(dataset=dataset, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
        return go_to(request, "datasets:detail", dataset.pk)
    messages.success(request, _("The data set “%(name)s” is deleted.") % {"name": dataset.name})
    return go_to(request, "datasets:list", dataset.project_id)
