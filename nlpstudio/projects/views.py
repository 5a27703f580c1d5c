"""Pages of projects: home, overview, settings."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects import services
from nlpstudio.projects.access import project_for
from nlpstudio.projects.audience import people_of
from nlpstudio.projects.forms import DeleteForm, ProjectForm
from nlpstudio.projects.models import Project, Role


@policy(Policy.SIGNED_IN)
def home(request: HtmxRequest) -> HttpResponse:
    projects = Project.objects.visible_to(request.user).for_list()
    return render_page(request, "projects/home.html", {"projects": projects})


@policy(Policy.SIGNED_IN, "GET", "POST")
def create(request: HtmxRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None, user=request.user, initial={"team": request.GET.get("team")})
    if request.method == "POST" and form.is_valid():
        project = services.create(**form.cleaned_data, by=request.user)
        return go_to(request, "projects:detail", project.pk)
    status = 422 if form.errors else 200
    return render_page(request, "projects/create.html", {"form": form}, partial="form", status=status)


@policy(Policy.VIEWER)
def detail(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id)
    context = {"project": project, "section": "overview", "people": people_of(project)[:12]}
    return render_page(request, "projects/detail.html", context)


@policy(Policy.MAINTAINER, "GET", "POST")
def settings(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.MAINTAINER)
    now = {"name": project.name, "description": project.description, "team": project.team_id}
    form = ProjectForm(request.POST or None, user=request.user, project=project, initial=now)
    if request.method == "POST" and form.is_valid():
        services.change(project=project, **form.cleaned_data, by=request.user)
        messages.success(request, _("Saved."))
        return go_to(request, "projects:settings", project.pk)
    context = {"project": project, "section": "settings", "form": form, "delete_form": DeleteForm(project=project)}
    status = 422 if form.errors else 200
    return render_page(request, "projects/settings.html", context, partial="form", status=status)


@policy(Policy.OWNER, "GET", "POST")
def delete(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.OWNER)
    form = DeleteForm(request.POST or None, project=project)
    if request.method == "POST" and form.is_valid():
        services.delete(project=project, by=request.user)
        messages.success(request, _("“%(name)s” is deleted.") % {"name": project.name})
        return go_to(request, "home")
    context = {"project": project, "section": "settings", "delete_form": form}
    status = 422 if form.errors else 200
    return render_page(request, "projects/delete.html", context, partial="form", status=status)
