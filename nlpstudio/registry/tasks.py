"""Celery's door to the registry."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from nlpstudio.core.jobs import send
from nlpstudio.core.leaving import LEAVING
from nlpstudio.registry import execution, exporting


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


@shared_task(name="registry.reap", ignore_result=True)
def reap() -> None:
    """Ring for versions that wait for their engines: a message may have been lost, or a worker."""
    if exporting.is_next_waiting():
        send(export_engines, expires=settings.LEASE_SECONDS)
