"""Pages of teams: mine, one with its people and projects, its settings."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects import people_pages, teams
from nlpstudio.projects.access import team_for
from nlpstudio.projects.forms import TeamForm
from nlpstudio.projects.models import Project, Role, Team


@policy(Policy.SIGNED_IN)
def index(request: HtmxRequest) -> HttpResponse:
    return render_page(request, "projects/teams.html", {"teams": Team.objects.visible_to(request.user).for_list()})


@policy(Policy.SIGNED_IN, "GET", "POST")
def create(request: HtmxRequest) -> HttpResponse:
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        team = teams.create(**form.cleaned_data, by=request.user)
        return go_to(request, "projects:team", team.pk)
    status = 422 if form.errors else 200
    return render_page(request, "projects/team_create.html", {"form": form}, partial="form", status=status)


def _page(request: HtmxRequest, team: Team, context: dict[str, object], status: int = 200) -> HttpResponse:
    projects = Project.objects.visible_to(request.user).filter(team=team).for_list()
    page = {"team": team, "projects": projects, **context}
    return render_page(request, "projects/team.html", page, status=status)


@policy(Policy.TEAM_VIEWER)
def detail(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id)
    return _page(request, team, people_pages.context_of(team))


@policy(Policy.TEAM_MAINTAINER, "GET", "POST")
def settings(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.MAINTAINER)
    form = TeamForm(request.POST or None, initial={"name": team.name, "description": team.description})
    if request.method == "POST" and form.is_valid():
        teams.change(team=team, **form.cleaned_data, by=request.user)
        messages.success(request, _("Saved."))
        return go_to(request, "projects:team_settings", team.pk)
    status = 422 if form.errors else 200
    return render_page(
        request, "projects/team_settings.html", {"team": team, "form": form}, partial="form", status=status
    )


@policy(Policy.TEAM_OWNER, "POST")
def delete(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.OWNER)
    try:
        teams.delete(team=team, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
        return go_to(request, "projects:team_settings", team_id)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": team.name})
    return go_to(request, "projects:teams")


@policy(Policy.TEAM_MAINTAINER, "POST")
@never_cache
@sensitive_variables("context")
def invite(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.MAINTAINER)
    context, status = people_pages.answer_invite(request, team)
    return _page(request, team, context, status)


@policy(Policy.TEAM_MAINTAINER, "POST")
def set_role(request: HtmxRequest, team_id: UUID, membership_id: int) -> HttpResponse:
    team = team_for(request.user, team_id, Role.MAINTAINER)
    people_pages.answer_set_role(request, team, membership_id)
    return go_to(request, "projects:team", team.pk)


@policy(Policy.TEAM_MAINTAINER, "POST")
def remove(request: HtmxRequest, team_id: UUID, membership_id: int) -> HttpResponse:
    team = team_for(request.user, team_id, Role.MAINTAINER)
    stays = people_pages.answer_remove(request, team, people_pages.membership_in(team, membership_id))
    return go_to(request, "projects:team", team.pk) if stays else go_to(request, "projects:teams")


@policy(Policy.TEAM_VIEWER, "POST")
def leave(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id)
    own = team.memberships.select_related("user").get(user=request.user)
    stays = people_pages.answer_remove(request, team, own)
    return go_to(request, "projects:team", team.pk) if stays else go_to(request, "projects:teams")


@policy(Policy.TEAM_MAINTAINER, "POST")
def revoke_invitation(request: HtmxRequest, team_id: UUID, invitation_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.MAINTAINER)
    people_pages.answer_revoke(request, team, invitation_id)
    return go_to(request, "projects:team", team.pk)
