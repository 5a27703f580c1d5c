"""Who is in a project or a team: roles, leaving, invitations and joining."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_user, digest_of
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.projects.access import role_in, role_in_team
from nlpstudio.projects.audience import tell
from nlpstudio.projects.models import Invitation, Membership, Project, Role, Team, TeamMembership

AnyMembership = Membership | TeamMembership
_SIGNER = signing.Signer(salt="nlpstudio.projects.invitation", sep=".")


class LastOwner(StudioError):
    """A project and a team keep at least one owner."""

    code = "project.last_owner"


class NoMember(StudioError):
    """Somebody else took the member out meanwhile."""

    code = "member.gone"
    status = 404


class InvitationGone(StudioError):
    """The invitation was used, revoked, or is too old."""

    code = "invitation.gone"
    status = 410


def place_of(membership: AnyMembership) -> Project | Team:
    """What one is a member of."""
    return membership.team if isinstance(membership, TeamMembership) else membership.project


def own_role(by: User, place: Project | Team) -> Role | None:
    """The user's role in it, the team's counted in for a project."""
    return role_in_team(by, place.pk) if isinstance(place, Team) else role_in(by, place.pk)


@transaction.atomic
def set_role(*, membership: AnyMembership, role: Role, by: User) -> None:
    """Give a member another role. Raises `LastOwner`, `NoMember`, and `PermissionDenied` above one's own role."""
    place = _held(membership)
    _require_power(by, place, Role(membership.role), role)
    _keep_an_owner(membership, new_role=role)
    before = membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    record(by, "member.role_set", membership, **_where(place), before=before, after=str(role))
    tell(membership.user)


@transaction.atomic
def remove_member(*, membership: AnyMembership, by: User) -> None:
    """Take a member out, or let them leave. Raises `LastOwner`, `NoMember`, and `PermissionDenied` above one's own role.

    Whoever goes from a team goes from its projects too. A project of which they were the only owner
    goes to the owner who removed them, or to the team's first owner when they left by themselves.
    """
    place = _held(membership)
    is_own = membership.user == by
    if not is_own:
        _require_power(by, place, Role(membership.role))
    _keep_an_owner(membership, new_role=None)
    record(by, "member.left" if is_own else "member.removed", membership, **_where(place))
    if isinstance(membership, TeamMembership):
        _leave_projects(membership, by)
    membership.delete()
    tell(membership.user)


def _held(membership: AnyMembership) -> Project | Team:
    """The place, whose people nobody else changes until this transaction ends; the membership as it is now."""
    place = place_of(membership)
    type(place)._default_manager.select_for_update().get(pk=place.pk)
    try:
        membership.refresh_from_db(fields=["role"])
    except type(membership).DoesNotExist as error:
        raise NoMember(_("They are no member any more.")) from error
    return place


def _leave_projects(membership: TeamMembership, by: User) -> None:
    team, user = membership.team, membership.user
    others = team.memberships.filter(role=Role.OWNER).exclude(user=user).order_by("created_at")
    heir = others.filter(user=by).first() or others.first()
    for own in Membership.objects.filter(project__team=team, user=user).select_related("project"):
        left = own.project.memberships.exclude(pk=own.pk)
        if heir is not None and own.role == Role.OWNER and not left.filter(role=Role.OWNER).exists():
            Membership.objects.update_or_create(project=own.project, user=heir.user, defaults={"role": Role.OWNER})
            record(by, "project.handed_over", own.project, **_where(own.project), to=str(heir.user))
        record(by, "member.removed", own, **_where(own.project))
        own.delete()


def _keep_an_owner(membership: AnyMembership, *, new_role: Role | None) -> None:
    if membership.role != Role.OWNER or new_role == Role.OWNER:
        return
    place = place_of(membership)
    if place.memberships.filter(role=Role.OWNER).count() < 2:
        words = _("A team needs an owner, and this is the last one.")
        if isinstance(place, Project):
            words = _("A project needs an owner, and this is the last one.")
        raise LastOwner(words, hint=_("Make another member owner first."))


@transaction.atomic
def invite(*, to: Project | Team, role: Role, days: int, by: User, email: str = "") -> tuple[Invitation, str]:
    """An invitation and the secret of its link, which is not kept. Raises `PermissionDenied` above one's own role.

    Whoever has the `email` is told, in the studio or by letter (see `notices`).
    """
    _require_power(by, to, role)
    secret = secrets.token_urlsafe(30)
    invitation = Invitation.objects.create(
        project=to if isinstance(to, Project) else None,
        team=to if isinstance(to, Team) else None,
        role=role,
        email=email.lower(),
        digest=digest_of(secret),
        created_by=by,
        expires_at=timezone.now() + timedelta(days=days),
    )
    record(by, "invitation.created", invitation, **_where(to), role=str(role), days=days)
    return invitation, secret


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: User) -> None:
    """The link opens nothing any more. Twice is once."""
    if Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=clock.now()):
        record(by, "invitation.revoked", invitation, **_where(invitation.place))


def address_of(invitation: Invitation) -> str:
    """The path at which the one it was sent to accepts it: made from the id and our key, so that it need not be kept."""
    return reverse("projects:invitation", args=[_SIGNER.sign(invitation.pk.hex)])


def invitation_of(secret: str) -> Invitation | None:
    """The open invitation with this link, to a project that is still there or to a team.

    It is worth what its maker may still give: who was removed, lowered or shut out lets nobody in, themselves included.
    """
    if (found_id := _signed_id(secret)) is not None:
        return open_one(models.Q(pk=found_id) & ~models.Q(email=""))
    return open_one(models.Q(digest=digest_of(secret)))


def open_one(which: models.Q) -> Invitation | None:
    """As `invitation_of`, the one that is meant."""
    alive = models.Q(project__isnull=True) | models.Q(project__deleted_at__isnull=True)
    found = (
        Invitation.objects.open()
        .filter(alive, which, created_by__is_active=True)
        .select_related("project", "team", "created_by")
        .first()
    )
    return found if found and _has_power(found.created_by, found.place, Role(found.role)) else None


def way_in(email: str, on_the_way_to: str) -> str:
    """The address of the invitation by which somebody without an account may come, or nothing.

    It is the one whose link they follow, or one made out to their e-mail, which must be proven to be theirs.
    """
    with suppress(Resolver404):
        found = resolve(urlsplit(on_the_way_to).path)
        if found.view_name == "projects:invitation" and invitation_of(found.kwargs["secret"]):
            return on_the_way_to
    made_out = Invitation.objects.open().filter(email=email.lower())
    good = next(filter(None, (open_one(models.Q(pk=each.pk)) for each in made_out)), None)
    return address_of(good) if good else ""


def _signed_id(secret: str) -> UUID | None:
    try:
        return UUID(_SIGNER.unsign(secret))
    except (signing.BadSignature, ValueError):
        return None


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Project | Team:
    """Join with the invitation's role; who is in already keeps their role and the link stays good.

    Of two who come at once with one link, one joins. Raises `InvitationGone`.
    """
    place = invitation.place
    if place.memberships.filter(user=user).exists():
        return place
    if not Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=clock.now(), accepted_by=user):
        raise InvitationGone(_("This invitation was used already."), hint=_("Ask for a new one."))
    membership: AnyMembership
    if isinstance(place, Team):
        membership = TeamMembership.objects.create(team=place, user=user, role=invitation.role)
    else:
        membership = Membership.objects.create(project=place, user=user, role=invitation.role)
    record(user, "member.joined", membership, **_where(place), role=invitation.role, invitation=str(invitation.pk))
    return place


@transaction.atomic
def join_with_new_account(*, invitation: Invitation, email: str, name: str, password: str) -> User:
    """Make the account and join, or neither. Raises `InvitationGone`."""
    user = create_user(email=email, name=name, password=password)
    accept(invitation=invitation, user=user)
    return user


def _has_power(by: User | None, place: Project | Team, *roles: Role) -> bool:
    """Maintainers and owners manage people, nobody above their own role."""
    own = own_role(by, place) if by else None
    return own is not None and own.rank >= max(Role.MAINTAINER.rank, *(role.rank for role in roles))


def _require_power(by: User, place: Project | Team, *roles: Role) -> None:
    if not _has_power(by, place, *roles):
        raise PermissionDenied


def _where(place: Project | Team) -> dict[str, UUID]:
    """How the audit log finds it again."""
    if isinstance(place, Team):
        return {"team_id": place.pk}
    return {"project_id": place.pk, "team_id": place.team_id}
