"""What happens to accounts: people, their tokens, sign-in links and choices."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import ApiToken, Scope, SignInLink, User
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.core.live import announce

TOKEN_MARK = "nlps_"
SEEN_EVERY = 60.0
PERSON_SEEN_EVERY = 300.0


EMAIL_TAKEN = gettext_lazy("There is an account with this e-mail. Sign in first, then open the link.")


class EmailTaken(StudioError):
    """Somebody, maybe the same person with a second click, made an account with this e-mail."""

    code = "user.email_taken"


def digest_of(secret: str) -> str:
    """What is kept of a token or a link: its sha256. They are random and long, so no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


SCOPES = (Scope.PREDICT, Scope.READ, Scope.ALL)
"""From the smallest on; each includes those before it."""


@transaction.atomic
def create_token(
    user: User,
    name: str,
    expires_at: datetime | None = None,
    *,
    scope: str = Scope.ALL,
    project_id: UUID | None = None,
    model: tuple[UUID, str] | None = None,
    per_minute: int | None = None,
) -> tuple[ApiToken, str]:
    """A new token to the API and its plain text, which is not kept: show it once. `model` is (id, name)."""
    plain = TOKEN_MARK + secrets.token_urlsafe(30)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=plain[:10],
        digest=digest_of(plain),
        expires_at=expires_at,
        scope=scope,
        project_id=project_id,
        model_id=model[0] if model else None,
        model_name=model[1] if model else "",
        per_minute=per_minute,
    )
    record(user, "token.created", token, project_id=project_id, scope=str(scope))
    return token, plain


@transaction.atomic
def revoke_token(token: ApiToken, *, by: User) -> None:
    """From now on the token opens nothing. Twice is once."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=clock.now()):
        record(by, "token.revoked", token)
        transaction.on_commit(lambda: announce("user", token.user_id))


def user_of_token(plain: str, *, need: Scope = Scope.READ) -> User | None:
    """As `token_of`, for doors that do not know of single models: a token for one model does not open them."""
    token = token_of(plain, need=need)
    if token is not None and token.model_id is not None:
        raise PermissionDenied
    return token.user if token is not None else None


def token_of(plain: str, *, need: Scope = Scope.READ) -> ApiToken | None:
    """The usable token with this text; its user is confined to the token's project if it has one.

    Notes the use at most once a minute. Raises `PermissionDenied` for a good token of too small a scope.
    """
    token = ApiToken.objects.usable().select_related("user").filter(digest=digest_of(plain)).first()
    if token is None:
        return None
    if SCOPES.index(Scope(token.scope)) < SCOPES.index(need):
        raise PermissionDenied
    if token.last_used_at is None or (timezone.now() - token.last_used_at).total_seconds() > SEEN_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=clock.now())
    token.user.only_project = token.project_id
    return token


def make_sign_in_link(user: User, *, hours: float = 1) -> str:
    """The path of a link that signs the user in once, within so many hours."""
    plain = secrets.token_urlsafe(30)
    SignInLink.objects.create(user=user, digest=digest_of(plain), expires_at=clock.in_seconds(3600 * hours))
    return reverse("accounts:link", args=[plain])


@transaction.atomic
def use_sign_in_link(plain: str) -> User | None:
    """The user of a link that nobody used yet. Of two who come at once, one gets in."""
    links = SignInLink.objects.filter(digest=digest_of(plain), user__is_active=True)
    if not links.filter(used_at__isnull=True, expires_at__gt=clock.now()).update(used_at=clock.now()):
        return None
    user = links.select_related("user").get().user
    record(user, "user.signed_in_by_link", user)
    return user


@transaction.atomic
def ensure_admin(email: str, password: str | None = None) -> tuple[User, str | None]:
    """The installation's first admin. The second value is the random password it was given, if it was made now.

    An admin that is there already keeps their password; with `password` given nothing needs to be shown. Somebody
    from whom another admin took administration away does not get it back by this.
    """
    user = User.objects.filter(email__iexact=email).first()
    if user is not None:
        if not User.objects.filter(is_admin=True, is_active=True).exists():
            User.objects.filter(pk=user.pk).update(is_admin=True)
            user.is_admin = True
            record(None, "user.made_admin", user)
        return user, None
    made = None if password else secrets.token_urlsafe(12)
    user = User.objects.create_user(email, password or made, name=email.partition("@")[0].title(), is_admin=True)
    record(None, "user.created", user)
    return user, made


@transaction.atomic
def create_user(*, email: str, name: str, password: str) -> User:
    """A new account, made by somebody who was invited. Raises `EmailTaken`."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, name=name)
    except IntegrityError as error:
        raise EmailTaken(str(EMAIL_TAKEN)) from error
    record(user, "user.created", user)
    return user


def note_seen(user: User) -> None:
    """Remember that the user was here just now, at most once in five minutes."""
    if user.last_seen_at is None or (timezone.now() - user.last_seen_at).total_seconds() > PERSON_SEEN_EVERY:
        User.objects.filter(pk=user.pk).update(last_seen_at=clock.now())


def change_profile(user: User, *, name: str, language: str, theme: str) -> None:
    """Take what the profile page says; empty language and theme follow the browser."""
    user.name, user.language, user.theme = name, language, theme
    user.save(update_fields=["name", "language", "theme"])


def set_preferences(user: User, *, language: str | None = None, theme: str | None = None) -> None:
    """Remember the language or the theme. None leaves it as it is; an empty theme follows the machine."""
    chosen = {name: value for name, value in (("language", language), ("theme", theme)) if value is not None}
    User.objects.filter(pk=user.pk).update(**chosen)
