"""What people leave behind on a demo page: what they asked, what they corrected, and links for others."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.registry.models import Model, ModelVersion

HISTORY = 20
"""Inputs kept of each person and version."""
LONGEST_KEPT = 20_000
"""Characters of an input as JSON; a longer one is not kept in the history."""


class PastInput(models.Model):
    """One input that a person asked a version about, for that person's eyes only. `said` is the answer in short."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="past_inputs")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="past_inputs")
    fields = models.JSONField()
    digest = models.CharField(max_length=64)
    said = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField()

    class Meta:
        ordering = ["-asked_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["user", "version", "digest"], name="one_past_input_each")]

    def __str__(self) -> str:
        return f"input of {self.user}"


def digest_of(fields: dict[str, Any]) -> str:
    """Equal inputs have equal digests."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


class CorrectionState(models.TextChoices):
    """`accepted` ones become rows of the next version that is made from the inbox."""

    WAITING = "waiting", _("Waiting")
    ACCEPTED = "accepted", _("Accepted")
    DISMISSED = "dismissed", _("Dismissed")


class CorrectionQuerySet(models.QuerySet["Correction"]):
    def for_list(self) -> CorrectionQuerySet:
        return self.select_related("version__model", "sent_by", "decided_by", "used_in")

    def ready_to_use(self) -> CorrectionQuerySet:
        """Accepted, and in no version yet but one whose import failed; the oldest first."""
        unused = models.Q(used_in__isnull=True) | models.Q(used_in__state=VersionState.FAILED)
        return self.filter(unused, state=CorrectionState.ACCEPTED).order_by("sent_at", "pk")


class Correction(models.Model):
    """What a person says is right where a version was wrong, in the inbox of the data set that it learnt from.

    `record` is the corrected row as the data set stores it (`engine.data.rows`), `said` the version's own row of the
    same input; None when it could not be asked again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="corrections")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="corrections")
    record = models.JSONField()
    said = models.JSONField(null=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    state = models.CharField(max_length=12, choices=CorrectionState, default=CorrectionState.WAITING)
    sent_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    sent_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    used_in = models.ForeignKey(DatasetVersion, on_delete=models.SET_NULL, null=True, related_name="corrections")

    objects = CorrectionQuerySet.as_manager()

    class Meta:
        ordering = ["-sent_at", "-pk"]

    def __str__(self) -> str:
        return str(self.version)

    @property
    def is_used(self) -> bool:
        return self.used_in is not None and self.used_in.state != VersionState.FAILED


class ShareLinkQuerySet(models.QuerySet["ShareLink"]):
    def open(self) -> ShareLinkQuerySet:
        """Neither revoked nor expired, to a version that is still there."""
        return self.filter(
            revoked_at__isnull=True,
            expires_at__gt=clock.now(),
            version__model__deleted_at__isnull=True,
            version__model__project__deleted_at__isnull=True,
        )

    def of_model(self, model: Model) -> ShareLinkQuerySet:
        return self.open().filter(version__model=model).select_related("version__model", "created_by")


class ShareLink(models.Model):
    """Lets whoever has its address try one version, signed in or not, until it ends. The address is this id, signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="share_links")
    note = models.CharField(_("for whom"), max_length=80, blank=True)
    uses = models.PositiveIntegerField(default=0)
    last_used_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = ShareLinkQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return str(self.version)
