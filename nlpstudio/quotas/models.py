"""How much of the machine each group of projects may use."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Quota(models.Model):
    """The limits of one group (see `groups`); an empty limit is none. Without a row a group has no limits."""

    group = models.UUIDField(primary_key=True)
    running_at_once = models.PositiveIntegerField(
        _("running at once"), null=True, blank=True, help_text=_("Runs that workers hold at the same time.")
    )
    hours_a_month = models.FloatField(
        _("hours of computing a month"),
        null=True,
        blank=True,
        help_text=_("Of all its runs since the first day of the month."),
    )
    storage_gb = models.FloatField(
        _("storage in GB"),
        null=True,
        blank=True,
        help_text=_("Uploads, imported data, models and predictions of files together."),
    )

    def __str__(self) -> str:
        return f"quota of {self.group}"
