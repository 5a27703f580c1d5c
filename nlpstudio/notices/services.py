"""Telling people of deeds, as the audit log hears of them; reading notices; choosing letters."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core import clock
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.notices import tasks, webhooks
from nlpstudio.notices.models import MAILED_AT_FIRST, Kind, Letter, MailChoice, Notice, count_unread
from nlpstudio.notices.rules import RULES, Telling, telling_of
from nlpstudio.projects.models import Invitation

logger = logging.getLogger(__name__)


def note(entry: AuditEntry, subject: Model) -> None:
    """Tell whom the deed concerns, in its own transaction (the settings name this as a listener of the audit log).

    What leaves the studio is only written down here; workers send it once the deed is committed.
    """
    if entry.action not in RULES:
        return
    try:
        with transaction.atomic():
            telling = telling_of(entry, subject)
            _tell(entry, telling)
            _invite_by_letter(subject, telling)
            webhooks.announce(entry, telling)
    except Exception:  # a run must not fail to end because nobody could be told of it
        logger.exception("nobody was told of %s %s", entry.action, entry.object_id)


def _tell(entry: AuditEntry, telling: Telling) -> None:
    people = {pk for pk in telling.people if pk != entry.user_id}
    if not telling.kind or not people:
        return
    names = {"kind": telling.kind, "about": telling.about[:200], "place": telling.place[:200], "url": telling.url}
    notices = Notice.objects.bulk_create([Notice(user_id=pk, entry=entry, **names) for pk in people])
    count_unread(people, +1)
    if settings.MAIL_IS_ON:
        chosen = dict(MailChoice.objects.filter(pk__in=people).values_list("pk", "kinds"))
        wanted = [each for each in notices if telling.kind in chosen.get(each.user_id, MAILED_AT_FIRST)]
        _post(Letter(notice=notice, next_at=timezone.now()) for notice in wanted)


def _invite_by_letter(subject: Model, telling: Telling) -> None:
    """Somebody without an account gets the link by letter; whoever has one is told as of anything else."""
    if isinstance(subject, Invitation) and subject.email and not list(telling.people) and settings.MAIL_IS_ON:
        _post([Letter(invitation=subject, next_at=timezone.now())])


def _post(letters: Iterable[Letter]) -> None:
    for letter in Letter.objects.bulk_create(list(letters)):
        delay_on_commit(tasks.send_letter, str(letter.pk))


@transaction.atomic
def mark_read(*, user: User, notice_id: UUID) -> None:
    """Twice is once."""
    _count_read(user, Notice.objects.filter(pk=notice_id, user=user, read_at__isnull=True).update(read_at=clock.now()))


@transaction.atomic
def mark_all_read(*, user: User) -> None:
    """All that are there now; one that comes meanwhile stays unread."""
    _count_read(user, Notice.objects.filter(user=user, read_at__isnull=True).update(read_at=clock.now()))


def _count_read(user: User, count: int) -> None:
    if count:
        count_unread([user.pk], -count)


def mailed_kinds(user: User) -> list[str]:
    """The kinds of which the user gets letters."""
    choice = MailChoice.objects.filter(pk=user.pk).first()
    return [kind for kind in Kind.values if kind in (choice.kinds if choice else MAILED_AT_FIRST)]


def choose_mail(*, user: User, kinds: Iterable[str]) -> None:
    """Get letters of these kinds and no others."""
    MailChoice.objects.update_or_create(pk=user.pk, defaults={"kinds": sorted(kinds)})
