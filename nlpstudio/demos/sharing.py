"""Links to a version's demo for people without an account: signed, ending, and dead the moment they are revoked."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.core import clock, limits
from nlpstudio.core.errors import StudioError
from nlpstudio.demos.kept import ShareLink
from nlpstudio.registry.models import ModelVersion

DAYS = (1, 7, 30, 90)
MINUTE = 60
MOST_OF_ONE = 20
"""Questions a minute by one link from one address; explaining costs as much as five."""
MOST_OF_ALL = 120
"""Questions a minute by one link."""
_SIGNER = signing.Signer(salt="nlpstudio.demos.share", sep=".")


class TooMany(StudioError):
    """The link is used more often than it may be. `retry_after` is in seconds."""

    code = "link.too_many"
    status = 429
    retry_after = 0


@transaction.atomic
def share(*, version: ModelVersion, days: int, note: str, by: User) -> ShareLink:
    """A new link that ends after so many days."""
    expires_at = timezone.now() + timedelta(days=days)
    link = ShareLink.objects.create(version=version, note=note, created_by=by, expires_at=expires_at)
    record(by, "link.created", link, project_id=version.model.project_id, days=days, note=note)
    return link


@transaction.atomic
def revoke(*, link: ShareLink, by: User) -> None:
    """From now on the link opens nothing. Twice is once."""
    if ShareLink.objects.filter(pk=link.pk, revoked_at__isnull=True).update(revoked_at=clock.now()):
        record(by, "link.revoked", link, project_id=link.version.model.project_id, note=link.note)


def secret_of(link: ShareLink) -> str:
    """What stands in the link's address."""
    return _SIGNER.sign(link.pk.hex)


def address_of(link: ShareLink) -> str:
    """The path of the page that the link opens."""
    return reverse("demos:shared", args=[secret_of(link)])


def link_of(secret: str) -> ShareLink | None:
    """The open link with this secret; None when it is forged, has ended, or was revoked."""
    try:
        link_id = UUID(_SIGNER.unsign(secret))
    except (signing.BadSignature, ValueError):
        return None
    links = ShareLink.objects.open().select_related(
        "version__model__project", "version__created_by", "version__dataset_version__dataset"
    )
    return links.filter(pk=link_id).first()


def count_use(link: ShareLink, address: str, *, cost: int = 1) -> None:
    """Note a question asked through the link. Raises `TooMany`."""
    # One who is refused must not use up what is left for others.
    wait = limits.seconds_to_wait(
        f"share:{link.pk}:{address}", most=MOST_OF_ONE, seconds=MINUTE, cost=cost
    ) or limits.seconds_to_wait(f"share:{link.pk}", most=MOST_OF_ALL, seconds=MINUTE, cost=cost)
    if wait:
        error = TooMany(_("This link was used too often."), hint=_("Try again in %(count)s seconds.") % {"count": wait})
        error.retry_after = wait
        raise error
    ShareLink.objects.filter(pk=link.pk).update(uses=F("uses") + 1, last_used_at=clock.now())
