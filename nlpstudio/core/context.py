"""What the shell of every page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from nlpstudio.core.models import Worker

THEMES = ("light", "dark")


def theme_of(request: HttpRequest) -> str:
    """`light`, `dark`, or nothing for the machine's own: the user's choice, else the browser's cookie."""
    user = getattr(request, "user", None)
    chosen = getattr(user, "theme", "") if user and user.is_authenticated else request.COOKIES.get("theme", "")
    return chosen if chosen in THEMES else ""


def shell(request: HttpRequest) -> dict[str, Any]:
    """The theme, and whether anybody is there to do the work. The latter is asked only when a template does."""

    def worker_queues() -> set[str]:
        return set(Worker.objects.alive().values_list("queue", flat=True))

    return {"worker_queues": worker_queues, "theme": theme_of(request)}
