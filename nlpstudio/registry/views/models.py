"""The pages of a project's models."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Role
from nlpstudio.registry import services
from nlpstudio.registry.access import model_for, model_to_try, shell_of
from nlpstudio.registry.forms import RenameForm, VisibilityForm
from nlpstudio.registry.models import Model, Visibility


@policy(Policy.VIEWER)
def index(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """The models of a project with the figures of their latest versions."""
    project = project_for(request.user, project_id)
    models = Model.objects.visible_to(request.user).filter(project=project).for_list()
    page = page_of(models, request.GET.get("page"))
    return render_page(request, "registry/list.html", {"project": project, "page": page})


@policy(Policy.VIEWER)
def detail(request: HtmxRequest, model_id: UUID) -> HttpResponse:
    """One model with all its versions; to guests without what they came from."""
    model = model_to_try(request.user, model_id)
    versions = model.versions.select_related("model", "created_by", "dataset_version__dataset")
    page = page_of(versions, request.GET.get("page"))
    context = {
        **shell_of(model.project),
        "model": model,
        "page": page,
        "form": RenameForm(initial={"name": model.name}),
        "visibility_form": VisibilityForm(initial={"visibility": model.visibility}),
    }
    return render_page(request, "registry/model.html", context)


@policy(Policy.SIGNED_IN)
def shared(request: HtmxRequest) -> HttpResponse:
    """Every model here that the user may try: of their projects, and those that are for everyone."""
    page = page_of(Model.objects.open_to(request.user).for_list(), request.GET.get("page"))
    return render_page(request, "registry/shared.html", {"page": page})


@policy(Policy.MAINTAINER, "POST")
def show_to(request: HtmxRequest, model_id: UUID) -> HttpResponse:
    """Say who may look at the model and try it."""
    model = model_for(request.user, model_id, Role.MAINTAINER)
    form = VisibilityForm(request.POST)
    if form.is_valid():
        visibility = Visibility(form.cleaned_data["visibility"])
        services.show_to(model=model, visibility=visibility, by=request.user)
        words = _("Everyone who is signed in here may see %(name)s and try it.")
        if visibility == Visibility.PROJECT:
            words = _("Only the project's members may see %(name)s and try it.")
        messages.success(request, words % {"name": model.name})
    else:
        messages.error(request, _("Choose who may see it."))
    return go_to(request, "registry:model", model.pk)


@policy(Policy.EDITOR, "POST")
def rename(request: HtmxRequest, model_id: UUID) -> HttpResponse:
    model = model_for(request.user, model_id, Role.EDITOR)
    form = RenameForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give a name of at most 120 characters."))
        return go_to(request, "registry:model", model.pk)
    try:
        services.rename(model=model, name=form.cleaned_data["name"], by=request.user)
    except StudioError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Renamed to %(name)s.") % {"name": model.name})
    return go_to(request, "registry:model", model.pk)


@policy(Policy.EDITOR, "POST")
def delete(request: HtmxRequest, model_id: UUID) -> HttpResponse:
    model = model_for(request.user, model_id, Role.EDITOR)
    services.delete(model=model, by=request.user)
    messages.success(request, _("%(name)s is deleted.") % {"name": model.name})
    return go_to(request, "registry:list", model.project_id)
