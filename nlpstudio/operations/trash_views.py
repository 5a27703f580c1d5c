"""The pages of the trash: of a project, and of a team for its projects."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.operations import storage, trash
from nlpstudio.projects.access import project_for, team_for
from nlpstudio.projects.models import Role


@policy(Policy.EDITOR)
def of_project(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.EDITOR)
    context = {"project": project, "section": "settings", "place": project}
    return _page(request, "operations/trash.html", trash.of_project(project), context)


@policy(Policy.EDITOR, "POST")
def restore(request: HtmxRequest, project_id: UUID, kind: str, thing_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.EDITOR)
    _restore(request, trash.find(project, kind, thing_id))
    return go_to(request, "operations:trash", project.pk)


@policy(Policy.OWNER, "POST")
def purge(request: HtmxRequest, project_id: UUID, kind: str, thing_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.OWNER)
    _purge(request, trash.find(project, kind, thing_id))
    return go_to(request, "operations:trash", project.pk)


@policy(Policy.TEAM_OWNER)
def of_team(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.OWNER)
    context = {"team": team, "place": team}
    return _page(request, "operations/team_trash.html", trash.of_team(team), context)


@policy(Policy.TEAM_OWNER, "POST")
def restore_project(request: HtmxRequest, team_id: UUID, gone_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.OWNER)
    _restore(request, trash.find_project(team, gone_id))
    return go_to(request, "operations:team_trash", team.pk)


@policy(Policy.TEAM_OWNER, "POST")
def purge_project(request: HtmxRequest, team_id: UUID, gone_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.OWNER)
    _purge(request, trash.find_project(team, gone_id))
    return go_to(request, "operations:team_trash", team.pk)


def _page(request: HtmxRequest, template: str, rows: QuerySet[Any], context: dict[str, Any]) -> HttpResponse:
    page = page_of(rows, request.GET.get("page"))
    return render_page(request, template, {"page": page, "entries": trash.entries(page), **context})


def _restore(request: HtmxRequest, thing: Any) -> None:
    try:
        trash.restore(thing=thing, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
    else:
        messages.success(request, _("“%(name)s” is back.") % {"name": thing.name})


def _purge(request: HtmxRequest, thing: Any) -> None:
    name = thing.name
    try:
        trash.purge(thing=thing, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
    else:
        storage.ask()
        messages.success(request, _("“%(name)s” is deleted for good.") % {"name": name})
