"""Sending work to the workers once the database has it."""

from __future__ import annotations

import logging
from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def delay_on_commit(task: Task[Any, Any], *args: str) -> None:
    """Queue the task when the transaction around the call has been committed, at once when there is none.

    A broker that is away is only logged: the row is the truth, and the reapers send its message again.
    """
    transaction.on_commit(lambda: send(task, *args))


def send(task: Task[Any, Any], *args: str, **options: Any) -> None:
    """Queue the task now. `options` are Celery's, such as `expires` in seconds."""
    try:
        task.apply_async(args, retry=False, **options)
    except (OperationalError, OSError) as error:
        logger.warning("could not queue %s%s: %s", task.name, args, error)
