"""Celery's door to the trash and to the measure of the disk."""

from __future__ import annotations

from celery import shared_task

from nlpstudio.operations import measuring, trash


@shared_task(name="operations.sweep", ignore_result=True)
def sweep() -> None:
    """Purge what has lain in the trash for thirty days. Twice is once."""
    trash.sweep()


@shared_task(name="operations.measure", ignore_result=True)
def measure() -> None:
    """Measure what lies on the disk. Twice is once."""
    measuring.execute()
