"""What changes accounts: users, tokens and one-time sign-in links."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import ApiToken, SignInLink, User
from nlpstudio.core import clock

TOKEN_MARK = "nlps_"
USE_NOTED_EVERY = timedelta(minutes=1)


def digest_of(secret: str) -> str:
    """What is kept of a token or link: its sha256. Both are long and random, so it needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def create_token(*, user: User, name: str, expires_at: datetime | None = None) -> tuple[ApiToken, str]:
    """A new API token and its plain text, which cannot be shown again."""
    plain = TOKEN_MARK + secrets.token_urlsafe(30)
    token = ApiToken.objects.create(
        user=user, name=name, prefix=plain[:9], digest=digest_of(plain), expires_at=expires_at
    )
    audit.record(user, "token.created", token)
    return token, plain


@transaction.atomic
def revoke_token(*, token: ApiToken, by: User) -> None:
    """End a token at once."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
        audit.record(by, "token.revoked", token)


def user_of_token(plain: str) -> User | None:
    """The user whom a usable token belongs to; its last use is noted once a minute at most."""
    token = ApiToken.objects.usable().select_related("user").filter(digest=digest_of(plain)).first()
    if token is None:
        return None
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token.user


def make_sign_in_link(*, user: User, hours: float = 1) -> str:
    """The path of a link that signs the user in once."""
    plain = secrets.token_urlsafe(32)
    SignInLink.objects.create(user=user, digest=digest_of(plain), expires_at=timezone.now() + timedelta(hours=hours))
    return reverse("accounts:link", args=[plain])


def use_sign_in_link(plain: str) -> User | None:
    """The link's user, the first time it is used and before it expires."""
    usable = Q(used_at__isnull=True, expires_at__gt=clock.now(), user__is_active=True)
    link = SignInLink.objects.select_related("user").filter(usable, digest=digest_of(plain)).first()
    if link is None or not SignInLink.objects.filter(pk=link.pk, used_at__isnull=True).update(used_at=timezone.now()):
        return None
    return link.user


@transaction.atomic
def ensure_admin(*, email: str, password: str | None) -> tuple[User, str | None]:
    """The first administrator, made when there is no user yet, and the password made for them, if any."""
    existing = User.objects.filter(is_admin=True).order_by("created_at").first()
    if existing:
        return existing, None
    made = None if password else secrets.token_urlsafe(12)
    user = User.objects.create_user(email, password or made, name="Admin", is_admin=True)
    audit.record(user, "user.created", user)
    return user, made
