"""The doors of projects and teams: 404 if you may not know of it, 403 if your role is too small."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Membership, Project, Role, Team, TeamMembership
from nlpstudio.projects.roles import EDITING

NAMED_MOST = 500


def role_in(user: User, project_id: UUID) -> Role | None:
    """The user's role in the project, the higher of their own and their team's; None for a stranger."""
    own = Membership.objects.filter(user=user, project_id=project_id).values_list("role")
    by_team = TeamMembership.objects.filter(user=user, team__projects=project_id).values_list("role")
    return max((Role(role) for (role,) in own.union(by_team)), key=lambda role: role.rank, default=None)


def role_in_team(user: User, team_id: UUID) -> Role | None:
    """The user's role in the team, or None for a stranger."""
    role = TeamMembership.objects.filter(user=user, team_id=team_id).values_list("role", flat=True).first()
    return Role(role) if role else None


def require(user: User, project_id: UUID, role: Role) -> Role:
    """The user's own role. Raises `Http404` for a stranger, `PermissionDenied` for a member whose role is too small."""
    return _at_least(role, role_in(user, project_id))


def project_for(user: User, project_id: UUID, role: Role = Role.VIEWER) -> Project:
    """The project, when the user has at least `role` in it; `my_role` is set on it for templates."""
    project = Project.objects.visible_to(user).select_related("team").filter(pk=project_id).first()
    if project is None:
        raise Http404
    project.my_role = require(user, project.pk, role)
    return project


def team_for(user: User, team_id: UUID, role: Role = Role.VIEWER) -> Team:
    """The team, when the user has at least `role` in it; `my_role` is set on it for templates."""
    team = Team.objects.visible_to(user).filter(pk=team_id).first()
    if team is None:
        raise Http404
    team.my_role = _at_least(role, role_in_team(user, team.pk))
    return team


def projects_to_name(user: User) -> list[tuple[str, str]]:
    """(id, name) of the projects to which a token of the user may be limited, by name."""
    rows = Project.objects.visible_to(user).order_by("name", "pk").values_list("pk", "name")
    return [(str(pk), name) for pk, name in rows[:NAMED_MOST]]


def edits_somewhere(user: User) -> bool:
    """Whether the user is an editor or more in any project or team."""
    own = Membership.objects.filter(user=user, role__in=EDITING).values("pk")
    return own.exists() or TeamMembership.objects.filter(user=user, role__in=EDITING).exists()


def _at_least(wanted: Role, own: Role | None) -> Role:
    if own is None:
        raise Http404
    if own.rank < wanted.rank:
        raise PermissionDenied
    return own
