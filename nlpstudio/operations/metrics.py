"""What Prometheus collects: the state of the queue and the workers from the database, requests from this process."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from nlpstudio.core import logs
from nlpstudio.core.models import Worker
from nlpstudio.datasets.models import DatasetVersion, VersionState
from nlpstudio.demos.models import Batch
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State

LOCAL = ("127.0.0.1", "::1")
REGISTRY = CollectorRegistry()
REQUESTS = Counter("nlpstudio_requests", "Requests answered.", ["verb", "status"], registry=REGISTRY)
SECONDS = Histogram("nlpstudio_request_seconds", "Seconds until the answer began.", ["verb"], registry=REGISTRY)


class Installation(Collector):
    """Gauges read from the database at each collection: the same from every web process."""

    def collect(self) -> Iterator[Metric]:
        runs = dict(Run.objects.values_list("state").annotate(Count("pk")))
        gauge = GaugeMetricFamily("nlpstudio_runs", "Runs by state.", labels=["state"])
        for state in State.values:
            gauge.add_metric([state], runs.get(state, 0))
        yield gauge
        oldest = Run.objects.waiting().values_list("queued_at", flat=True).first()
        waited = (timezone.now() - oldest).total_seconds() if oldest else 0.0
        yield GaugeMetricFamily("nlpstudio_queue_oldest_seconds", "How long the oldest waiting run has waited.", waited)
        alive = dict(Worker.objects.alive().values_list("queue").annotate(Count("pk")))
        workers = GaugeMetricFamily("nlpstudio_workers", "Living workers by queue.", labels=["queue"])
        for queue in ("train", "io", "serve"):
            workers.add_metric([queue], alive.get(queue, 0))
        yield workers
        importing = DatasetVersion.objects.filter(state=VersionState.IMPORTING).count()
        yield GaugeMetricFamily("nlpstudio_imports", "Imports under way.", importing)
        yield GaugeMetricFamily("nlpstudio_batches", "File predictions under way.", Batch.objects.under_way().count())
        yield GaugeMetricFamily("nlpstudio_disk_free_bytes", "Free space for files.", _free_bytes())

    def describe(self) -> Iterator[Metric]:
        """Nothing ahead of time: that would ask the database at import."""
        return iter(())


def _free_bytes() -> int:
    folder = settings.FILES_ROOT if settings.FILES_ROOT.exists() else settings.STUDIO_HOME
    return shutil.disk_usage(folder).free


def _watch(verb: str, route: str, status: int, seconds: float) -> None:
    known = verb if verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS") else "other"
    REQUESTS.labels(known, str(status)).inc()
    SECONDS.labels(known).observe(seconds)


def may_read(request: HttpRequest) -> bool:
    """With the token of the settings, where there is one; without one only from this machine, past no proxy."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), settings.METRICS_TOKEN.encode())
    is_direct = "X-Forwarded-For" not in request.headers and "Forwarded" not in request.headers
    return is_direct and request.META.get("REMOTE_ADDR") in LOCAL


def text() -> bytes:
    """All figures in Prometheus' text format."""
    return generate_latest(REGISTRY)


REGISTRY.register(Installation())
logs.WATCHERS.append(_watch)
