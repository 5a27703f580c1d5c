"""The workers that are alive, and the folders that are to go."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from nlpstudio.core import clock


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self) -> WorkerQuerySet:
        """Those whose last heartbeat is younger than the lease."""
        return self.filter(seen_at__gt=clock.in_seconds(-settings.LEASE_SECONDS))

    def serving(self, queue: str) -> WorkerQuerySet:
        return self.filter(queue=queue)


class Worker(models.Model):
    """A process that takes work: `queue` is train, io or serve."""

    name = models.CharField(max_length=200, primary_key=True)
    queue = models.CharField(max_length=20)
    host = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["queue", "name"]

    def __str__(self) -> str:
        return self.name


class Doomed(models.Model):
    """A folder below FILES_ROOT whose rows are deleted; the row goes when the folder has gone (see `core.removing`)."""

    path = models.CharField(max_length=100, primary_key=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "doomed"

    def __str__(self) -> str:
        return self.path
