"""Users, their tokens, one-time sign-in links, and the record of who did what."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from nlpstudio.core import clock


class UserQuerySet(models.QuerySet["User"]):
    def for_people(self) -> UserQuerySet:
        """For the administrators' pages: by name, with what is known of each account.

        Adds `has_two_factor`, `has_sign_on`, `usable_tokens` (their number) and `token_used_at`.
        """
        own = ApiToken.objects.filter(user=models.OuterRef("pk")).order_by()
        latest = own.values("user").annotate(at=models.Max("last_used_at")).values("at")
        number = own.usable().values("user").annotate(number=models.Count("pk")).values("number")
        factor = User.objects.filter(pk=models.OuterRef("pk"), authenticator__type="totp")
        known = {
            "has_two_factor": models.Exists(factor),
            "has_sign_on": models.Exists(User.objects.filter(pk=models.OuterRef("pk"), socialaccount__isnull=False)),
            "usable_tokens": Coalesce(models.Subquery(number, output_field=models.IntegerField()), 0),
            "token_used_at": models.Subquery(latest, output_field=models.DateTimeField()),
        }
        return self.annotate(**known).order_by("name", "email")

    def matching(self, words: str) -> UserQuerySet:
        """Those with these words in their name or e-mail."""
        return self.filter(models.Q(name__icontains=words) | models.Q(email__icontains=words)) if words else self


class UserManager(BaseUserManager["User"]):
    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def for_people(self) -> UserQuerySet:
        return self.get_queryset().for_people()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user who signs in by e-mail. Without a password only a link or a reset lets them in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person. `is_admin` may see the installation's pages; rights in teams and projects come from memberships."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail"))
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(_("theme"), max_length=10, blank=True)
    is_active = models.BooleanField(default=True)
    is_admin = models.BooleanField(default=False)
    unread_notices = models.PositiveIntegerField(db_default=0, default=0, editable=False)
    """Kept by `notices`, so that no page needs a query for the bell."""
    created_at = models.DateTimeField(auto_now_add=True)
    last_seen_at = models.DateTimeField(null=True, editable=False)
    session_epoch = models.PositiveIntegerField(db_default=0, default=0, editable=False)
    """Sessions of an earlier epoch are over, also when a closed account is opened again."""

    objects: ClassVar[UserManager] = UserManager()

    has_two_factor: bool
    has_sign_on: bool
    usable_tokens: int
    token_used_at: datetime | None
    """Of those that `for_people` found."""

    only_project: UUID | None = None
    """Set on a user who came with a token for one project: everything else does not exist for them."""

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="one_user_an_email")]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def seen_at(self) -> datetime | None:
        """When they were last here, by a browser or a program; of those that `for_people` found."""
        return max(filter(None, (self.last_seen_at, self.token_used_at)), default=None)

    def get_session_auth_hash(self) -> str:
        """What a session must hold to be the user's: it changes with the password and the epoch."""
        return self._of_this_epoch(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        return (self._of_this_epoch(each) for each in super().get_session_auth_fallback_hash())

    def _of_this_epoch(self, hashed: str) -> str:
        return f"{hashed}.{self.session_epoch}" if self.session_epoch else hashed


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> TokenQuerySet:
        """Neither revoked nor expired, of a user who may sign in."""
        expiry = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=clock.now())
        return self.filter(expiry, revoked_at__isnull=True, user__is_active=True)


class Scope(models.TextChoices):
    """What a token may do of what its user may."""

    ALL = "all", _("All that I may do")
    READ = "read", _("Read only")
    PREDICT = "predict", _("Ask models only")


class ApiToken(models.Model):
    """A key to the API. Only its sha256 is kept; `prefix` lets people tell theirs apart.

    With a `project_id` it opens that project and nothing else, with a `model_id` that model (of the registry, which
    this app does not know: so `model_name` is kept beside it). `per_minute` is a limit of its own on requests.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(_("scope"), max_length=10, choices=Scope, default=Scope.ALL)
    project_id = models.UUIDField(null=True, blank=True)
    model_id = models.UUIDField(null=True, blank=True)
    model_name = models.CharField(max_length=250, blank=True)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SignInLink(models.Model):
    """A link that signs one user in, once, for a short time."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"sign-in link of {self.user}"


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def found(self, *, who: str = "", what: str = "", about: str = "") -> AuditQuerySet:
        """Deeds of those whose name or e-mail holds `who`, of the action or the area (`run.`) `what`, done to what is
        called or has the id `about`. Nothing is asked of what is empty.
        """
        rows = self
        if who:
            rows = rows.filter(models.Q(user__name__icontains=who) | models.Q(user__email__icontains=who))
        if what:
            rows = rows.filter(action__startswith=what) if what.endswith(".") else rows.filter(action=what)
        if about:
            is_called_so = models.Q(object_name__icontains=about)
            if "is_named" in rows.query.annotations:  # a name that is not shown must not be found by guessing either
                is_called_so &= models.Q(is_named=True)
            rows = rows.filter(is_called_so | models.Q(object_id=about))
        return rows

    def between(self, since: date | None, until: date | None) -> AuditQuerySet:
        """From the first moment of the day `since` to the last of the day `until`."""
        rows = self if since is None else self.filter(at__gte=_begin_of(since))
        return rows if until is None else rows.filter(at__lt=_begin_of(until + timedelta(days=1)))

    def pages(self, size: int = 500) -> Iterator[list[AuditEntry]]:
        """All entries with their people, the latest first, so many at a time; no cursor stays open between them."""
        rows = self.select_related("user").order_by("-pk")
        page = list(rows[:size])
        while page:
            yield page
            page = list(rows.filter(pk__lt=page[-1].pk)[:size]) if len(page) == size else []


def _begin_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


class AuditEntry(models.Model):
    """One deed: who did what to which object. Only ever added to: `guard` has the database refuse all else."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    object_name = models.CharField(max_length=200)
    project_id = models.UUIDField(null=True, db_index=True)
    team_id = models.UUIDField(null=True, db_index=True)
    details = models.JSONField(default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.object_name}"
