"""Celery's door to the imports."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from nlpstudio.core.jobs import send
from nlpstudio.datasets import execution

RENEWED_SECONDS = 60


@shared_task(name="datasets.import_version", acks_late=True, ignore_result=True)
def import_version(version_id: str) -> None:
    execution.execute(UUID(version_id))


@shared_task(name="datasets.reap", ignore_result=True)
def reap() -> None:
    for version_id in execution.reap():
        send(import_version, str(version_id), expires=RENEWED_SECONDS)
