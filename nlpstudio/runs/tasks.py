"""Celery's doors. Messages are doorbells: they say that runs may wait, never which."""

from __future__ import annotations

import os
import socket

from celery import shared_task
from celery.utils.nodenames import worker_direct
from django.conf import settings
from django.utils.module_loading import import_string

from nlpstudio.core.jobs import send
from nlpstudio.runs import execution, leases, leftovers, queue
from nlpstudio.runs.models import Run
from nlpstudio.runs.worker import PRESENCE


@shared_task(name="runs.work", acks_late=False, ignore_result=True)
def work() -> None:
    """Drive the next waiting run to its end. Without a waiting run this does nothing, however often it is called."""
    if PRESENCE.is_leaving():
        return
    owner = f"{PRESENCE.name} {socket.gethostname()} {os.getpid()}"[:200]
    run = leases.claim(owner, settings.WORKER_LABELS)
    if run is None:
        return
    execution.drive(run, start=import_string(settings.TRAINER), should_leave=PRESENCE.is_leaving)
    if PRESENCE.is_leaving():
        return
    if Run.objects.waiting().exists():
        send(work)
    PRESENCE.prepare_spare()


@shared_task(name="runs.sweep", ignore_result=True)
def sweep() -> None:
    """Remove what runs that are over left on the disk. Twice is once."""
    leftovers.sweep()


@shared_task(name="runs.reap", ignore_result=True)
def reap() -> None:
    """Look after runs whose worker fell silent, and ring for those that wait: a doorbell may have been lost."""
    if not leases.reap():
        return
    send(work, expires=settings.LEASE_SECONDS)
    for worker, labels in queue.idle_workers():  # the bell above may be heard by one that lacks what the run needs
        if queue.candidates(labels):
            send(work, expires=settings.LEASE_SECONDS, queue=worker_direct(worker))
