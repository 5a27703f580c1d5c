"""Setting limits, and asking whether there is room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.core import numbers
from nlpstudio.core.errors import StudioError
from nlpstudio.projects.models import Project
from nlpstudio.quotas import groups
from nlpstudio.quotas.models import Quota

GB = 1000**3


class NoRoom(StudioError):
    """The group's storage is used up."""

    code = "quota.storage"


@transaction.atomic
def change(
    *, group: UUID, running_at_once: int | None, hours_a_month: float | None, storage_gb: float | None, by: User
) -> Quota:
    """Set all limits of a group; None takes a limit away. Runs that are under way go on."""
    limits: dict[str, Any] = {
        "running_at_once": running_at_once,
        "hours_a_month": hours_a_month,
        "storage_gb": storage_gb,
    }
    quota, _made = Quota.objects.update_or_create(group=group, defaults=limits)
    audit.record(by, "quota.changed", quota, **limits)
    return quota


def stored_bytes(projects: Sequence[UUID]) -> int:
    """What uploads, imported data and models of the projects take: the sum of what the meters in the settings say."""
    return sum(import_string(meter)(projects) for meter in settings.STORAGE_METERS)


def require_room(project: Project, more: int = 0, *, lock: bool = False) -> None:
    """Raise `NoRoom` when the group's storage with `more` bytes is above its limit.

    With `lock`, in a transaction that stores something, others who ask so wait until it ends: two that fit one by one
    do not both get in.
    """
    group = groups.group_of(project)
    quotas = Quota.objects.select_for_update() if lock else Quota.objects.all()
    limit = quotas.filter(pk=group, storage_gb__isnull=False).values_list("storage_gb", flat=True).first()
    if limit is None:
        return
    used = stored_bytes(groups.projects_of(group))
    if used + more > limit * GB:
        sizes = {"used": used, "limit": limit * GB, "more": more}
        words = _("The storage of this team is used up: %(used)s of %(limit)s.")
        if more:
            words = _(
                "There is no room for this file: it needs about %(more)s, and the team uses %(used)s of %(limit)s."
            )
        raise NoRoom(
            words % {name: numbers.size(size) for name, size in sizes.items()},
            hint=_(
                "Delete data sets and models that nobody needs, and purge the trash, or ask the administrator for more."
            ),
            status=409,
        )
