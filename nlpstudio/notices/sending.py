"""What the io worker does: one attempt to send one letter or one delivery, and taking up what was left."""

from __future__ import annotations

import http.client
import logging
import smtplib
import time
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit, sealing
from nlpstudio.core import limits
from nlpstudio.notices import letters, posting, signing
from nlpstudio.notices.models import (
    RETRY_SECONDS,
    Delivery,
    Letter,
    Notice,
    Outgoing,
    SendState,
    Webhook,
    count_unread,
)

logger = logging.getLogger(__name__)
LETTERS_AN_HOUR = 30
"""To one person. The notices are in the studio all the same."""
DELIVERIES_KEPT = 50
"""Of one webhook."""
NOTICES_KEPT = timedelta(days=90)
LETTERS_KEPT = timedelta(days=30)
GONE = 410
FAILURES_BEFORE_PAUSE = 10
"""Deliveries that fail for good, one after another, before a webhook is switched off."""
Row = TypeVar("Row", bound=Outgoing)


def _taken(kind: type[Row], pk: UUID) -> Row | None:
    """The row, when this call got it for an attempt and it has attempts left."""
    if not kind.objects.claim(pk):
        return None
    row: Row = cast(Row, kind.objects.get(pk=pk))
    if row.attempt > len(RETRY_SECONDS) + 1:
        row.note_failure(_("Every worker that tried it ended before it was done."), for_good=True)
        return None
    return row


def send_letter(letter_id: UUID) -> None:
    """Try to send it once. Twice is once."""
    letter = _taken(Letter, letter_id)
    if letter is None:
        return
    composed = letters.compose(letter)
    if composed is None:
        letter.note_failure(_("What it speaks of is closed to its reader by now."), for_good=True)
        return
    if letter.attempt == 1 and limits.seconds_to_wait(f"letters:{composed.to}", most=LETTERS_AN_HOUR, seconds=3600):
        letter.note_failure(_("Its reader got many e-mails this hour."), for_good=True)
        return
    try:
        EmailMessage(composed.subject, composed.body, to=[composed.to]).send()
    except (OSError, smtplib.SMTPException) as error:
        logger.warning("could not send letter %s: %s", letter.pk, type(error).__name__)
        letter.note_failure(f"{type(error).__name__}: {error}")
    else:
        letter.note_sent()


def deliver(delivery_id: UUID) -> None:
    """Try to deliver it once. Twice is once; the receiver may still get it twice, with one `webhook-id`."""
    delivery = _taken(Delivery, delivery_id)
    if delivery is None:
        return
    hook, body = delivery.webhook, delivery.body.encode()
    try:
        secret = sealing.unseal(hook.sealed_secret)
        signed = signing.headers(secret=secret, message_id=str(delivery.pk), timestamp=int(time.time()), body=body)
        head = {"Content-Type": "application/json", "User-Agent": "NLP-Studio", **signed}
        answer = posting.post(hook.url, body, head)
    except posting.NotAllowed as refusal:
        _fail(delivery, str(refusal), for_good=True)
    except sealing.SealBroken:
        _fail(delivery, _("The secret was sealed with another SECRET_KEY. Make a new one."), for_good=True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        _fail(delivery, _words(error))
    else:
        _conclude(delivery, answer)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return _("No answer in time.")
    return f"{type(error).__name__}: {error}"


def _conclude(delivery: Delivery, answer: posting.Answer) -> None:
    figures: dict[str, Any] = {"status": answer.status, "took_ms": answer.took_ms}
    if 200 <= answer.status < 300:
        delivery.note_sent(**figures)
        Webhook.objects.filter(pk=delivery.webhook_id).update(failures=0)
    elif 300 <= answer.status < 400:
        _fail(delivery, _("It answered with another address, which is not followed."), for_good=True, **figures)
    elif answer.status == GONE:
        _fail(delivery, _("It says that it is gone for good."), for_good=True, **figures)
        _pause(delivery.webhook)
    else:
        _fail(delivery, http.client.responses.get(answer.status, ""), **figures)


def _fail(delivery: Delivery, error: str, *, for_good: bool = False, **figures: Any) -> None:
    if not delivery.note_failure(error, for_good=for_good, **figures):
        return
    hook = delivery.webhook
    Webhook.objects.filter(pk=hook.pk).update(failures=F("failures") + 1)
    if Webhook.objects.filter(pk=hook.pk, failures__gte=FAILURES_BEFORE_PAUSE).exists():
        _pause(hook)


@transaction.atomic
def _pause(hook: Webhook) -> None:
    """Nobody answers there: switch it off until a maintainer switches it on again."""
    if Webhook.objects.filter(pk=hook.pk, is_on=True).update(is_on=False):
        audit.record(None, "webhook.paused", hook, project_id=hook.project_id)


def waiting() -> tuple[list[UUID], list[UUID]]:
    """Letters and deliveries that are due: their messages were lost, or their time has come again."""
    due = [list(kind.objects.due().values_list("pk", flat=True)[:500]) for kind in (Letter, Delivery)]
    return due[0], due[1]


def give_up_waiting() -> None:
    """After a restore: what waited in the backup may have left long ago, and its matter may be long over."""
    over = {"state": SendState.FAILED, "ended_at": timezone.now()}
    over["error"] = _("The studio was restored from a backup before it was sent.")
    for kind in (Letter, Delivery):
        kind.objects.filter(state=SendState.WAITING).update(**over)


def tidy() -> None:
    """Let go of old notices, letters and deliveries. Twice is once."""
    now = timezone.now()
    Letter.objects.exclude(state=SendState.WAITING).filter(created_at__lt=now - LETTERS_KEPT).delete()
    for hook_id in Webhook.objects.values_list("pk", flat=True):
        ended = Delivery.objects.filter(webhook=hook_id).exclude(state=SendState.WAITING).order_by("-created_at")
        Delivery.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[DELIVERIES_KEPT:])).delete()
    Notice.objects.filter(at__lt=now - NOTICES_KEPT, read_at__isnull=False).delete()
    old = Notice.objects.filter(at__lt=now - 2 * NOTICES_KEPT)
    for user_id in set(old.values_list("user_id", flat=True)):
        with transaction.atomic():
            _count, gone = old.filter(user=user_id, read_at__isnull=True).delete()
            count_unread([user_id], -gone.get(Notice._meta.label, 0))
