"""The door of projects: 404 if you may not know of it, 403 if your role is too small."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Membership, Project, Role


def role_in(user: User, project_id: UUID) -> Role | None:
    """The user's role in the project, or None for a stranger."""
    role = Membership.objects.filter(user=user, project_id=project_id).values_list("role", flat=True).first()
    return Role(role) if role else None


def require(user: User, project_id: UUID, role: Role) -> Role:
    """The user's own role. Raises `Http404` for a stranger, `PermissionDenied` for a member whose role is too small."""
    own = role_in(user, project_id)
    if own is None:
        raise Http404
    if own.rank < role.rank:
        raise PermissionDenied
    return own


def project_for(user: User, project_id: UUID, role: Role = Role.VIEWER) -> Project:
    """The project, when the user has at least `role` in it; `my_role` is set on it for templates."""
    project = Project.objects.visible_to(user).filter(pk=project_id).first()
    if project is None:
        raise Http404
    project.my_role = require(user, project.pk, role)
    return project
