"""What happens to people's accounts as a whole: closed, opened, made administrators', connected with single sign-on."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount
from django.db import models, transaction
from django.utils.translation import gettext as _

from nlpstudio.accounts import two_factor
from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import ApiToken, SignInLink, User
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.core.live import announce


class LastAdmin(StudioError):
    """An installation keeps at least one administrator who can sign in."""

    code = "user.last_admin"


class OwnAccount(StudioError):
    """Nobody closes their own account: they could not open it again."""

    code = "user.own_account"


@transaction.atomic
def close(*, person: User, by: User | None) -> None:
    """Shut the person out: sessions and sockets end within seconds and for good, tokens and links are revoked.

    Twice is once. Raises `OwnAccount` and `LastAdmin`.
    """
    if person == by:
        raise OwnAccount(_("You cannot close your own account."), hint=_("Ask another administrator."))
    _keep_an_admin(person)
    if not User.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
        return
    record(by, "user.closed", person, tokens=_end_all_access(person))


@transaction.atomic
def connect(*, person: User) -> None:
    """Single sign-on has brought the owner of the account's e-mail: whoever made the account may be somebody else.

    E-mails are typed by whoever follows an invitation, so everything that this somebody may hold ends.
    """
    record(person, "user.connected", person, tokens=_end_all_access(person))
    person.refresh_from_db(fields=["session_epoch"])  # the session that begins now is of the new epoch


@transaction.atomic
def disconnect(*, person: User, by: User | None) -> None:
    """Forget who the person is at the provider: their verified e-mail connects them anew. Twice is once."""
    if SocialAccount.objects.filter(user=person).delete()[0]:
        record(by, "user.disconnected", person)


@transaction.atomic
def open_again(*, person: User, by: User | None) -> None:
    """Let the person sign in again. What was revoked stays so. Twice is once."""
    if User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        record(by, "user.opened", person)


@transaction.atomic
def make_admin(*, person: User, by: User | None) -> None:
    """Let the person into the pages of the installation, though into no project. Twice is once."""
    if User.objects.filter(pk=person.pk, is_active=True, is_admin=False).update(is_admin=True):
        record(by, "user.made_admin", person)


@transaction.atomic
def unmake_admin(*, person: User, by: User | None) -> None:
    """Take that back. Twice is once. Raises `LastAdmin`."""
    _keep_an_admin(person)
    if User.objects.filter(pk=person.pk, is_admin=True).update(is_admin=False):
        record(by, "user.unmade_admin", person)


def reset_two_factor(*, person: User, by: User | None) -> None:
    """The password alone signs the person in again. Twice is once."""
    two_factor.reset(person, by=by)


def _end_all_access(person: User) -> int:
    """Sessions and sockets end within seconds and for good, tokens and links are revoked. How many tokens that were."""
    User.objects.filter(pk=person.pk).update(session_epoch=models.F("session_epoch") + 1)
    tokens = ApiToken.objects.filter(user=person, revoked_at__isnull=True).update(revoked_at=clock.now())
    SignInLink.objects.filter(user=person, used_at__isnull=True).update(used_at=clock.now())
    transaction.on_commit(lambda: announce("user", person.pk))
    return tokens


def _keep_an_admin(person: User) -> None:
    """Locks the administrators, so that the last two cannot both go at the same moment."""
    admins = {admin.pk for admin in User.objects.select_for_update().filter(is_admin=True, is_active=True)}
    if admins == {person.pk}:
        words = _("The installation needs an administrator, and this is the last one.")
        raise LastAdmin(words, hint=_("Make somebody else administrator first."))
