"""What happens to projects and who is in them."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_user, digest_of
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.projects.models import Invitation, Membership, Project, Role


class LastOwner(StudioError):
    """A project keeps at least one owner."""

    code = "project.last_owner"


class InvitationGone(StudioError):
    """The invitation was used, revoked, or is too old."""

    code = "invitation.gone"
    status = 410


@transaction.atomic
def create(*, name: str, description: str = "", by: User) -> Project:
    """A new project with its maker as owner."""
    project = Project.objects.create(name=name, description=description, created_by=by)
    Membership.objects.create(project=project, user=by, role=Role.OWNER)
    record(by, "project.created", project, project_id=project.pk)
    return project


@transaction.atomic
def change(*, project: Project, by: User, name: str | None = None, description: str | None = None) -> Project:
    """Rename it or describe it anew; None leaves a thing as it is."""
    before = project.name
    project.name = before if name is None else name
    project.description = project.description if description is None else description
    project.save(update_fields=["name", "description"])
    record(by, "project.changed", project, project_id=project.pk, before=before)
    return project


@transaction.atomic
def delete(*, project: Project, by: User) -> None:
    """Take it from everybody's sight. Its rows and files stay until they are swept."""
    if Project.objects.filter(pk=project.pk, deleted_at__isnull=True).update(deleted_at=clock.now()):
        record(by, "project.deleted", project, project_id=project.pk)


@transaction.atomic
def set_role(*, membership: Membership, role: Role, by: User) -> None:
    """Give a member another role. Raises `LastOwner`."""
    _keep_an_owner(membership, new_role=role)
    before = membership.role
    membership.role = role
    membership.save(update_fields=["role"])
    project = membership.project
    record(by, "member.role_set", membership, project_id=project.pk, before=before, after=str(role))


@transaction.atomic
def remove_member(*, membership: Membership, by: User) -> None:
    """Take a member out, or let them leave. Raises `LastOwner`."""
    _keep_an_owner(membership, new_role=None)
    record(
        by, "member.left" if membership.user == by else "member.removed", membership, project_id=membership.project_id
    )
    membership.delete()


def _keep_an_owner(membership: Membership, *, new_role: Role | None) -> None:
    """Locks the owners, so that the last two cannot both go at the same moment."""
    if membership.role != Role.OWNER or new_role == Role.OWNER:
        return
    owners = Membership.objects.select_for_update().filter(project_id=membership.project_id, role=Role.OWNER)
    if len(owners) < 2:
        raise LastOwner(
            _("A project needs an owner, and this is the last one."),
            hint=_("Make another member owner first."),
        )


@transaction.atomic
def invite(*, project: Project, role: Role, days: int, by: User) -> tuple[Invitation, str]:
    """An invitation and the secret of its link, which is not kept."""
    secret = secrets.token_urlsafe(30)
    invitation = Invitation.objects.create(
        project=project,
        role=role,
        digest=digest_of(secret),
        created_by=by,
        expires_at=timezone.now() + timedelta(days=days),
    )
    record(by, "invitation.created", invitation, project_id=project.pk, role=str(role), days=days)
    return invitation, secret


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, by: User) -> None:
    """The link opens nothing any more. Twice is once."""
    if Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=clock.now()):
        record(by, "invitation.revoked", invitation, project_id=invitation.project_id)


def invitation_of(secret: str) -> Invitation | None:
    """The open invitation with this link, to a project that is still there."""
    return (
        Invitation.objects.open()
        .filter(digest=digest_of(secret), project__deleted_at__isnull=True)
        .select_related("project", "created_by")
        .first()
    )


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Project:
    """Join with the invitation's role; who is in already keeps their role and the link stays good.

    Of two who come at once with one link, one joins. Raises `InvitationGone`.
    """
    project = invitation.project
    if Membership.objects.filter(project=project, user=user).exists():
        return project
    if not Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=clock.now(), accepted_by=user):
        raise InvitationGone(_("This invitation was used already."), hint=_("Ask for a new one."))
    membership = Membership.objects.create(project=project, user=user, role=invitation.role)
    record(user, "member.joined", membership, project_id=project.pk, role=invitation.role)
    return project


@transaction.atomic
def join_with_new_account(*, invitation: Invitation, email: str, name: str, password: str) -> User:
    """Make the account and join, or neither. Raises `InvitationGone`."""
    user = create_user(email=email, name=name, password=password)
    accept(invitation=invitation, user=user)
    return user
