"""What people are told, and what leaves the studio to tell them: letters, and deliveries to the webhooks of projects."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.db import models
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core import clock
from nlpstudio.projects.models import Invitation, Project

LEASE_SECONDS = 120
"""Whoever took something to send has so long; then another may."""
RETRY_SECONDS = (60, 300, 1800, 7200)
"""How long to wait before each further attempt. After the last one it has failed."""


class Kind(models.TextChoices):
    """What a notice is about. People choose by kind what they get as a letter."""

    RUN_FINISHED = "run_finished", _("A run of mine finished")
    RUN_FAILED = "run_failed", _("A run of mine failed")
    INVITED = "invited", _("I am invited, or somebody joins by my invitation")
    SHARED = "shared", _("Something is shared with me, or out of a project that I look after")


MAILED_AT_FIRST: Sequence[str] = (Kind.RUN_FINISHED, Kind.RUN_FAILED, Kind.INVITED)
"""What somebody gets as a letter who has chosen nothing."""


class Notice(models.Model):
    """One person told of one deed. `about` and `place` are the names as they were, `url` the path of the page."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    entry = models.ForeignKey(AuditEntry, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)
    about = models.CharField(max_length=200, blank=True)
    place = models.CharField(max_length=200, blank=True)
    url = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["user", "-at"], name="notice_of_user")]
        constraints = [models.UniqueConstraint(fields=["user", "entry"], name="told_once")]

    def __str__(self) -> str:
        return f"{self.kind} to {self.user}"


def count_unread(people: Iterable[UUID], change: int) -> None:
    """So many more, or with a negative `change` fewer, are unread of each; never less than none."""
    count = Greatest(models.F("unread_notices") + change, 0)
    User.objects.filter(pk__in=people).update(unread_notices=count)


class MailChoice(models.Model):
    """Which kinds somebody gets as a letter. Without a row: `MAILED_AT_FIRST`."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    kinds = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"letters to {self.user}"


class SendState(models.TextChoices):
    WAITING = "waiting", _("On its way")
    SENT = "sent", _("Arrived")
    FAILED = "failed", _("Failed")


class OutgoingQuerySet(models.QuerySet[Any]):
    def due(self) -> OutgoingQuerySet:
        """What waits and may be tried now."""
        return self.filter(state=SendState.WAITING, next_at__lte=clock.now())

    def claim(self, pk: object) -> bool:
        """Take it for one attempt. Of two who want it, one gets it; a death gives it back after the lease."""
        taken = self.due().filter(pk=pk)
        return bool(taken.update(attempt=models.F("attempt") + 1, next_at=clock.in_seconds(LEASE_SECONDS)))


class Outgoing(models.Model):
    """Something to be sent to the world outside, tried a bounded number of times."""

    state = models.CharField(max_length=10, choices=SendState, default=SendState.WAITING)
    attempt = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    objects = OutgoingQuerySet.as_manager()

    class Meta:
        abstract = True

    def note_sent(self, **fields: Any) -> None:
        self._end(state=SendState.SENT, error="", **fields)

    def note_failure(self, error: str, *, for_good: bool = False, **fields: Any) -> bool:
        """Try again later, or not when it was the last attempt or `for_good`. Returns whether it has failed."""
        is_last = for_good or self.attempt > len(RETRY_SECONDS)
        if is_last:
            self._end(state=SendState.FAILED, error=error[:200], **fields)
        else:
            later = clock.in_seconds(RETRY_SECONDS[self.attempt - 1])
            type(self).objects.filter(pk=self.pk).update(next_at=later, error=error[:200], **fields)
        return is_last

    def _end(self, **fields: Any) -> None:
        type(self).objects.filter(pk=self.pk).update(ended_at=clock.now(), **fields)


class Letter(Outgoing):
    """An e-mail: about a notice to its person, or with an invitation to somebody who has no account yet."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    notice = models.OneToOneField(Notice, on_delete=models.CASCADE, null=True)
    invitation = models.OneToOneField(Invitation, on_delete=models.CASCADE, null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "next_at"], name="letter_due")]

    def __str__(self) -> str:
        return f"letter {self.pk}"


def host_of(url: str) -> str:
    """What everybody in the project may read of a webhook's address: the rest of it is a secret at many receivers."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/…"


class Webhook(models.Model):
    """An address outside that is told of a project's events, in bodies signed with `sealed_secret`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(_("address"), max_length=500)
    events = models.JSONField(default=list)
    sealed_secret = models.CharField(max_length=200)
    is_on = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0)
    """Deliveries that failed for good since the last one that arrived."""
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return host_of(self.url)


class Delivery(Outgoing):
    """One event on its way to one webhook. `body` is what is sent, byte for byte, at each attempt."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=40)
    body = models.TextField()
    status = models.PositiveSmallIntegerField(null=True)
    took_ms = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["state", "next_at"], name="delivery_due")]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook}"
