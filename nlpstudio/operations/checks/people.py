"""What is counted for people is what there is."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, F, Q

from nlpstudio.accounts.models import User
from nlpstudio.operations.findings import Finding, Tally


def unread_notices_are_counted(tally: Tally) -> Iterator[Finding]:
    """The bell of each person shows as many as there are unread."""
    tally.count("people", User.objects.count())
    counted = User.objects.annotate(found=Count("notices", filter=Q(notices__read_at__isnull=True)))
    for user in counted.exclude(found=F("unread_notices")):
        words = f"{user.unread_notices} unread notices are counted, but there are {user.found}"
        yield Finding(check="notices.counted", subject=f"user {user.pk}", message=words)
