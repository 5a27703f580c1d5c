"""Projects over the API."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from ninja import Field, Router, Schema
from pydantic import StringConstraints

from nlpstudio.api.base import ApiRequest, Listing, paged
from nlpstudio.projects import services
from nlpstudio.projects.access import project_for, team_for
from nlpstudio.projects.models import Project, Role, Team

router = Router(tags=["projects"])

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
"""As the page takes it: blanks alone are no name."""


class ProjectIn(Schema):
    """A new project."""

    name: Name
    description: str = Field("", max_length=4000)
    team: UUID | None = None


class ProjectPatch(Schema):
    """What may be changed; what is absent stays."""

    name: Name | None = None
    description: str | None = Field(None, max_length=4000)
    team: UUID | None = None


class ProjectOut(Schema):
    """A project as the API shows it."""

    id: str
    name: str
    description: str
    team: str
    created_at: str


class TeamOut(Schema):
    """A team as the API shows it, with the role of whoever asks."""

    id: str
    name: str
    description: str
    role: str


def to_json(project: Project) -> dict[str, Any]:
    return {
        "id": str(project.pk),
        "name": project.name,
        "description": project.description,
        "team": str(project.team_id),
        "created_at": project.created_at.isoformat(),
    }


@router.get("/projects", response=Listing, summary="My projects")
def index(request: ApiRequest, page: int = 1) -> dict[str, Any]:
    """The projects in which the token's user is a member, newest first."""
    return paged(request, Project.objects.visible_to(request.auth).order_by("-created_at"), to_json, page)


@router.post("/projects", response={201: ProjectOut}, summary="Make a project")
def create(request: ApiRequest, body: ProjectIn) -> tuple[int, dict[str, Any]]:
    """The token's user becomes its owner. Without a `team` it goes to the first one in which they may make projects."""
    team = team_for(request.auth, body.team, Role.EDITOR) if body.team else None
    return 201, to_json(services.create(name=body.name, description=body.description, by=request.auth, team=team))


@router.get("/projects/{uuid:project_id}", response=ProjectOut, summary="One project")
def detail(request: ApiRequest, project_id: UUID) -> dict[str, Any]:
    """Any member may see it."""
    return to_json(project_for(request.auth, project_id))


@router.patch("/projects/{uuid:project_id}", response=ProjectOut, summary="Rename or describe a project")
def change(request: ApiRequest, project_id: UUID, body: ProjectPatch) -> dict[str, Any]:
    """Maintainers; only owners may move it to another `team` of theirs."""
    project = project_for(request.auth, project_id, Role.MAINTAINER)
    team = team_for(request.auth, body.team, Role.EDITOR) if body.team else None
    changes = body.dict(exclude_unset=True, exclude_none=True, exclude={"team"})
    return to_json(services.change(project=project, by=request.auth, team=team, **changes))


@router.delete("/projects/{uuid:project_id}", response={204: None}, summary="Delete a project")
def delete(request: ApiRequest, project_id: UUID) -> tuple[int, None]:
    """Owners only. It goes to the trash with all that is in it, for 30 days."""
    services.delete(project=project_for(request.auth, project_id, Role.OWNER), by=request.auth)
    return 204, None


@router.get("/teams", response=list[TeamOut], summary="My teams")
def teams(request: ApiRequest) -> list[dict[str, Any]]:
    """The teams of the token's user, each with their role in it."""
    own = {each.team_id: each.role for each in request.auth.team_memberships.all()}
    return [_team(team, own[team.pk]) for team in Team.objects.visible_to(request.auth).order_by("name")]


@router.get("/teams/{uuid:team_id}", response=TeamOut, summary="One team")
def team(request: ApiRequest, team_id: UUID) -> dict[str, Any]:
    """Any member may see it."""
    found = team_for(request.auth, team_id)
    return _team(found, str(found.my_role))


def _team(team: Team, role: str) -> dict[str, Any]:
    return {"id": str(team.pk), "name": team.name, "description": team.description, "role": role}
