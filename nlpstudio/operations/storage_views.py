"""The pages of what takes room: of a project, of a team, of the installation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse

from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.operations import storage
from nlpstudio.projects.access import project_for, team_for


def _page(request: HtmxRequest, template: str, shown: storage.Shown, context: dict[str, Any]) -> HttpResponse:
    return render_page(request, template, {"shown": shown, **context}, partial="figures")


@policy(Policy.VIEWER)
def of_project(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id)
    context = {"project": project, "section": "storage", "limit": storage.limit_of(project.team)}
    return _page(request, "operations/storage.html", storage.of_project(project), context)


@policy(Policy.TEAM_VIEWER)
def of_team(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id)
    context = {"team": team, "limit": storage.limit_of(team)}
    return _page(request, "operations/team_storage.html", storage.of_team(team), context)


@policy(Policy.ADMIN)
def of_all(request: HtmxRequest) -> HttpResponse:
    return _page(request, "operations/all_storage.html", storage.of_all(), {})
