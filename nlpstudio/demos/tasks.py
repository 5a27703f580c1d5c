"""Celery's door to batch predictions. Messages are doorbells: they say that files may wait, never which."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from nlpstudio.core.jobs import send
from nlpstudio.core.leaving import LEAVING
from nlpstudio.demos import execution


@shared_task(name="demos.predict_files", acks_late=False, ignore_result=True)
def predict_files() -> None:
    """Answer the next waiting file. Does nothing when none waits or one is being answered."""
    if LEAVING.is_leaving():
        return
    found_one = execution.execute(should_leave=LEAVING.is_leaving)
    if found_one and not LEAVING.is_leaving() and execution.is_next_waiting():
        send(predict_files)


@shared_task(name="demos.reap", ignore_result=True)
def reap() -> None:
    """Ring for files that wait: a message may have been lost, or a worker."""
    if execution.is_next_waiting():
        send(predict_files, expires=settings.LEASE_SECONDS)
