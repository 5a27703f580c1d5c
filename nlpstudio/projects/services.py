"""What happens to projects: made, changed, moved to another team, deleted."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import transaction

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.projects import teams
from nlpstudio.projects.access import role_in_team
from nlpstudio.projects.audience import tell_people_of
from nlpstudio.projects.models import Membership, Project, Role, Team


@transaction.atomic
def create(*, name: str, description: str = "", by: User, team: Team | None = None) -> Project:
    """A new project with its maker as owner, in the given team or the maker's default one.

    Raises `PermissionDenied` for somebody who may not make projects in the team.
    """
    if by.only_project is not None:
        raise PermissionDenied
    team = team or teams.default_team(by)
    _require_room(by, team)
    project = Project.objects.create(name=name, description=description, created_by=by, team=team)
    Membership.objects.create(project=project, user=by, role=Role.OWNER)
    record(by, "project.created", project, project_id=project.pk, team_id=team.pk)
    return project


@transaction.atomic
def change(
    *, project: Project, by: User, name: str | None = None, description: str | None = None, team: Team | None = None
) -> Project:
    """Rename it, describe it anew, move it to another team; None leaves a thing as it is.

    Raises `PermissionDenied` for a move by somebody who is not an owner, or who may not make projects in the team.
    """
    before = project.name
    changes = {key: value for key, value in (("name", name), ("description", description)) if value is not None}
    for key, value in changes.items():
        setattr(project, key, value)
    project.save(update_fields=list(changes))  # what somebody else changes meanwhile stays
    record(by, "project.changed", project, project_id=project.pk, team_id=project.team_id, before=before)
    if team is not None and team.pk != project.team_id:
        _move(project, team, by)
    return project


def _move(project: Project, team: Team, by: User) -> None:
    if not project.is_owned:
        raise PermissionDenied
    _require_room(by, team)
    tell_people_of(project)  # those of the team it leaves
    before, project.team = project.team, team
    project.save(update_fields=["team"])
    record(by, "project.moved", project, project_id=project.pk, team_id=team.pk, before=before.name, after=team.name)


def _require_room(by: User, team: Team) -> None:
    role = role_in_team(by, team.pk)
    if role is None or role.rank < Role.EDITOR.rank:
        raise PermissionDenied


@transaction.atomic
def delete(*, project: Project, by: User) -> None:
    """Move it to the trash: out of everybody's sight. Its rows and files stay until it is purged."""
    if Project.objects.filter(pk=project.pk, deleted_at__isnull=True).update(deleted_at=clock.now()):
        record(by, "project.deleted", project, project_id=project.pk, team_id=project.team_id)
        tell_people_of(project)
