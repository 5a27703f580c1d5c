"""Celery's door to the registry."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.conf import settings

from nlpstudio.core.jobs import send
from nlpstudio.core.leaving import LEAVING
from nlpstudio.registry import execution, exporting

RENEWED_SECONDS = 60


@shared_task(name="registry.fetch_base_model", acks_late=True, ignore_result=True)
def fetch_base_model(model_id: str) -> None:
    execution.fetch(model_id)


@shared_task(name="registry.export_engines", acks_late=False, ignore_result=True)
def export_engines() -> None:
    """Make the engines of the next version that waits. Does nothing when none waits or one is being made."""
    if LEAVING.is_leaving():
        return
    found_one = exporting.execute(should_leave=LEAVING.is_leaving)
    if found_one and not LEAVING.is_leaving() and exporting.is_next_waiting():
        send(export_engines)


@shared_task(name="registry.train_tokenizer", acks_late=True, ignore_result=True)
def train_tokenizer(tokenizer_id: str) -> None:
    from nlpstudio.registry import tokenizers  # it sends this task

    tokenizers.execute(UUID(tokenizer_id), should_leave=LEAVING.is_leaving)


@shared_task(name="registry.reap", ignore_result=True)
def reap() -> None:
    """Ring for versions that wait for their engines, and for tokenizers: a message may have been lost, or a worker."""
    from nlpstudio.registry import tokenizers  # it sends a task of ours

    if exporting.is_next_waiting():
        send(export_engines, expires=settings.LEASE_SECONDS)
    for tokenizer_id in tokenizers.waiting():
        send(train_tokenizer, str(tokenizer_id), expires=RENEWED_SECONDS)
