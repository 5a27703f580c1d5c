"""Who is in a project or a team, and telling their open pages that what they may see has changed."""

from __future__ import annotations

from django.db import models, transaction

from nlpstudio.accounts.models import User
from nlpstudio.core.live import announce
from nlpstudio.projects.models import Membership, Project, Team, TeamMembership


def people_of(place: Project | Team) -> models.QuerySet[User]:
    """Everybody who is in the team, or in the project by themselves or by its team."""
    team_id = place.pk if isinstance(place, Team) else place.team_id
    is_in = models.Exists(TeamMembership.objects.filter(team=team_id, user=models.OuterRef("pk")))
    if isinstance(place, Project):
        is_in = is_in | models.Exists(Membership.objects.filter(project=place, user=models.OuterRef("pk")))  # type: ignore[assignment]  # an Exists ored is a condition
    return User.objects.filter(is_in).order_by("name", "email")


def tell(*users: User) -> None:
    """When the transaction is committed, have the open sockets of these people ask again what they may see."""
    for user in users:
        transaction.on_commit(lambda user_id=user.pk: announce("user", user_id))  # type: ignore[misc]  # the id of now


def tell_people_of(place: Project | Team) -> None:
    """As `tell`, everybody who is in it now."""
    tell(*people_of(place))
