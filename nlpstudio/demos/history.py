"""A person's last inputs of a version: kept, shown to that person alone, and forgotten on demand."""

from __future__ import annotations

import json

from django.db import transaction

from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.demos.kept import HISTORY, LONGEST_KEPT, PastInput, digest_of
from nlpstudio.registry.models import ModelVersion


@transaction.atomic
def remember(*, user: User, version: ModelVersion, fields: dict[str, str], said: str) -> None:
    """Put the input on top; the oldest beyond `HISTORY` are forgotten. One that is too long is not kept."""
    if len(json.dumps(fields, ensure_ascii=False)) > LONGEST_KEPT:
        return
    mine = PastInput.objects.filter(user=user, version=version)
    mine.update_or_create(
        user=user,
        version=version,
        digest=digest_of(fields),
        defaults={"fields": fields, "said": said[:200], "asked_at": clock.now()},
    )
    mine.filter(pk__in=list(mine.values_list("pk", flat=True)[HISTORY:])).delete()


def of(user: User, version: ModelVersion) -> list[PastInput]:
    """The newest first."""
    return list(PastInput.objects.filter(user=user, version=version)[:HISTORY])


def forget(*, user: User, version: ModelVersion, entry: str = "") -> None:
    """Delete one entry, or, when none is named, all of the person's for this version."""
    mine = PastInput.objects.filter(user=user, version=version)
    if not entry:
        mine.delete()
    elif entry.isdecimal() and len(entry) < 18:
        mine.filter(pk=int(entry)).delete()
