"""Projects over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Field, Router, Schema

from nlpstudio.api.base import ApiRequest, Listing, paged
from nlpstudio.projects import services
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Project, Role

router = Router(tags=["projects"])


class ProjectIn(Schema):
    """A new project."""

    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=4000)


class ProjectPatch(Schema):
    """What may be changed; what is absent stays."""

    name: str | None = Field(None, min_length=1, max_length=120)
    description: str | None = Field(None, max_length=4000)


class ProjectOut(Schema):
    """A project as the API shows it."""

    id: str
    name: str
    description: str
    created_at: str


def to_json(project: Project) -> dict[str, Any]:
    return {
        "id": str(project.pk),
        "name": project.name,
        "description": project.description,
        "created_at": project.created_at.isoformat(),
    }


@router.get("/projects", response=Listing, summary="My projects")
def index(request: ApiRequest, page: int = 1) -> dict[str, Any]:
    """The projects in which the token's user is a member, newest first."""
    return paged(request, Project.objects.visible_to(request.auth).order_by("-created_at"), to_json, page)


@router.post("/projects", response={201: ProjectOut}, summary="Make a project")
def create(request: ApiRequest, body: ProjectIn) -> tuple[int, dict[str, Any]]:
    """The token's user becomes its owner."""
    return 201, to_json(services.create(name=body.name, description=body.description, by=request.auth))


@router.get("/projects/{uuid:project_id}", response=ProjectOut, summary="One project")
def detail(request: ApiRequest, project_id: UUID) -> dict[str, Any]:
    """Any member may see it."""
    return to_json(project_for(request.auth, project_id))


@router.patch("/projects/{uuid:project_id}", response=ProjectOut, summary="Rename or describe a project")
def change(request: ApiRequest, project_id: UUID, body: ProjectPatch) -> dict[str, Any]:
    """Owners only."""
    project = project_for(request.auth, project_id, Role.OWNER)
    changes = body.dict(exclude_unset=True, exclude_none=True)
    return to_json(services.change(project=project, by=request.auth, **changes))


@router.delete("/projects/{uuid:project_id}", response={204: None}, summary="Delete a project")
def delete(request: ApiRequest, project_id: UUID) -> tuple[int, None]:
    """Owners only. What is in it can no longer be reached."""
    services.delete(project=project_for(request.auth, project_id, Role.OWNER), by=request.auth)
    return 204, None
