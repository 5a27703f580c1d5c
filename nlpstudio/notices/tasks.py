"""Celery's door to what leaves the studio."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from nlpstudio.core.jobs import send
from nlpstudio.notices import sending

RENEWED_SECONDS = 60


@shared_task(name="notices.send_letter", acks_late=True, ignore_result=True)
def send_letter(letter_id: str) -> None:
    sending.send_letter(UUID(letter_id))


@shared_task(name="notices.deliver", acks_late=True, ignore_result=True)
def deliver(delivery_id: str) -> None:
    sending.deliver(UUID(delivery_id))


@shared_task(name="notices.reap", ignore_result=True)
def reap() -> None:
    """Ring for what is due: a message may have been lost, or an attempt failed."""
    letters, deliveries = sending.waiting()
    for letter_id in letters:
        send(send_letter, str(letter_id), expires=RENEWED_SECONDS)
    for delivery_id in deliveries:
        send(deliver, str(delivery_id), expires=RENEWED_SECONDS)


@shared_task(name="notices.tidy", ignore_result=True)
def tidy() -> None:
    """Let go of what is old. Twice is once."""
    sending.tidy()
