"""Celery's door to the trash."""

from __future__ import annotations

from celery import shared_task

from nlpstudio.operations import trash


@shared_task(name="operations.sweep", ignore_result=True)
def sweep() -> None:
    """Purge what has lain in the trash for thirty days. Twice is once."""
    trash.sweep()
