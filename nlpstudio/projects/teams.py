"""What happens to teams: made, changed, deleted."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.core.errors import StudioError
from nlpstudio.projects.audience import tell_people_of
from nlpstudio.projects.models import Role, Team, TeamMembership


class TeamInUse(StudioError):
    """A team with projects cannot be deleted."""

    code = "team.in_use"


@transaction.atomic
def create(*, name: str, description: str = "", by: User) -> Team:
    """A new team with its maker as owner."""
    team = Team.objects.create(name=name, description=description, created_by=by)
    TeamMembership.objects.create(team=team, user=by, role=Role.OWNER)
    record(by, "team.created", team, team_id=team.pk)
    return team


def default_team(user: User) -> Team:
    """Where a project goes when nobody says: the first team in which the user may make one, made if there is none."""
    return Team.objects.open_to(user).first() or create(name=_("Team of %(name)s") % {"name": user}, by=user)


@transaction.atomic
def change(*, team: Team, by: User, name: str, description: str) -> None:
    """Rename it or describe it anew."""
    before, team.name, team.description = team.name, name, description
    team.save(update_fields=["name", "description"])
    record(by, "team.changed", team, team_id=team.pk, before=before)


@transaction.atomic
def delete(*, team: Team, by: User) -> None:
    """Delete a team that has no projects. Raises `TeamInUse`."""
    Team.objects.select_for_update().get(pk=team.pk)
    if team.projects.exists():
        raise TeamInUse(
            _("The team has projects, maybe in the trash."),
            hint=_("Move them to another team or purge them first."),
        )
    record(by, "team.deleted", team, team_id=team.pk)
    tell_people_of(team)
    team.delete()
