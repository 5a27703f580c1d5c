"""What the shell of every page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from nlpstudio.core.models import Worker


def shell(request: HttpRequest) -> dict[str, Any]:
    """Whether anybody is there to do the work, for signed-in people. Evaluated only when a template asks."""

    def worker_queues() -> set[str]:
        return set(Worker.objects.alive().values_list("queue", flat=True))

    return {"worker_queues": worker_queues}
