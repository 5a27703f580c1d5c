"""What changes projects: making, renaming, deleting them."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Membership, Project, Role


@transaction.atomic
def create(*, name: str, description: str = "", by: User) -> Project:
    """A new project, owned by whoever makes it."""
    project = Project.objects.create(name=name, description=description, created_by=by)
    Membership.objects.create(project=project, user=by, role=Role.OWNER)
    audit.record(by, "project.created", project, project_id=project.pk)
    return project


@transaction.atomic
def change(*, project: Project, by: User, name: str | None = None, description: str | None = None) -> Project:
    """Rename or describe a project; what is None stays."""
    if name is not None:
        project.name = name
    if description is not None:
        project.description = description
    project.save(update_fields=["name", "description"])
    audit.record(by, "project.changed", project, project_id=project.pk)
    return project


@transaction.atomic
def delete(*, project: Project, by: User) -> None:
    """Put a project and all that is in it out of reach."""
    if Project.objects.filter(pk=project.pk, deleted_at__isnull=True).update(deleted_at=timezone.now()):
        audit.record(by, "project.deleted", project, project_id=project.pk)
