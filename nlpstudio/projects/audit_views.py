"""The audit log as pages and downloads: of a project, of a team with its projects, of the whole installation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone

from nlpstudio.accounts import audit
from nlpstudio.accounts.forms import AuditFilter
from nlpstudio.accounts.models import AuditEntry, AuditQuerySet, User
from nlpstudio.core.htmx import HtmxRequest, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.core.streaming import attachment
from nlpstudio.projects.access import project_for, team_for
from nlpstudio.projects.models import Project, Role, Team


def _of_project(project: Project) -> AuditQuerySet:
    return AuditEntry.objects.filter(project_id=project.pk)


def _of_team(team: Team) -> AuditQuerySet:
    own = models.Q(project_id__in=Project.objects.filter(team=team).values("pk"))
    return AuditEntry.objects.filter(models.Q(team_id=team.pk) | own)


def _of_all(user: User) -> AuditQuerySet:
    """Every deed. `is_named` where its object may be named to the user: an administrator is nobody's member."""
    visible = Project.objects.visible_to(user).filter(pk=models.OuterRef("project_id"))
    named = models.Q(project_id__isnull=True) | models.Exists(visible)
    condition = models.Case(models.When(named, then=models.Value(True)), default=models.Value(False))
    return AuditEntry.objects.annotate(is_named=condition)


def _page(request: HtmxRequest, template: str, entries: AuditQuerySet, context: dict[str, Any]) -> HttpResponse:
    form = AuditFilter(request.GET)
    found = form.narrowed(entries).select_related("user")
    page = page_of(found, request.GET.get("page"), per_page=50)
    return render_page(request, template, {"form": form, "page": page, **context}, partial="entries")


def _download(request: HtmxRequest, entries: AuditQuerySet, name: str) -> StreamingHttpResponse:
    found = AuditFilter(request.GET).narrowed(entries)
    stem = f"{name}-{timezone.localdate():%Y-%m-%d}.csv"
    return attachment(audit.as_csv(found), stem, "text/csv; charset=utf-8", from_database=True)


@policy(Policy.VIEWER)
def activity(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id)
    context = {"project": project, "section": "activity"}
    return _page(request, "projects/activity.html", _of_project(project), context)


@policy(Policy.VIEWER)
def activity_csv(request: HtmxRequest, project_id: UUID) -> StreamingHttpResponse:
    project = project_for(request.user, project_id)
    return _download(request, _of_project(project), "activity")


@policy(Policy.TEAM_MAINTAINER)
def team_activity(request: HtmxRequest, team_id: UUID) -> HttpResponse:
    team = team_for(request.user, team_id, Role.MAINTAINER)
    return _page(request, "projects/team_activity.html", _of_team(team), {"team": team})


@policy(Policy.TEAM_MAINTAINER)
def team_activity_csv(request: HtmxRequest, team_id: UUID) -> StreamingHttpResponse:
    team = team_for(request.user, team_id, Role.MAINTAINER)
    return _download(request, _of_team(team), "team-activity")


@policy(Policy.ADMIN)
def log(request: HtmxRequest) -> HttpResponse:
    return _page(request, "projects/audit.html", _of_all(request.user), {"is_withheld": True})


@policy(Policy.ADMIN)
def log_csv(request: HtmxRequest) -> StreamingHttpResponse:
    return _download(request, _of_all(request.user), "audit")
