"""What load balancers and the shell ask: whether the process lives, is ready, and whether a worker does."""

from __future__ import annotations

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from redis.exceptions import RedisError

from nlpstudio.core.policy import Policy, policy


@policy(Policy.PUBLIC)
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing of others, so a slow database does not get it restarted."""
    return HttpResponse("ok", content_type="text/plain")


@policy(Policy.PUBLIC)
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Whether requests can be answered: the database and the broker are there. 503 when one is not."""
    found = {"database": _database_answers(), "broker": _broker_answers()}
    return JsonResponse(found, status=200 if all(found.values()) else 503)


@policy(Policy.SIGNED_IN)
@never_cache
def worker_light(request: HttpRequest) -> HttpResponse:
    """What of the top bar changes by itself: the light of the workers, and the bell."""
    return render(request, "core/worker_light.html")


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _broker_answers() -> bool:
    """The cache lies on the same server as the broker and the channel layer."""
    try:
        cache.get("readyz")
    except (RedisError, OSError):
        return False
    return True
