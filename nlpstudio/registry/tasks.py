"""Celery's door to the registry."""

from __future__ import annotations

from celery import shared_task

from nlpstudio.registry import execution


@shared_task(name="registry.fetch_base_model", acks_late=True, ignore_result=True)
def fetch_base_model(model_id: str) -> None:
    execution.fetch(model_id)
