"""Who am I, and is anybody there."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from nlpstudio.api.base import ApiRequest
from nlpstudio.core.models import Worker

router = Router(tags=["account"])


@router.get("/me", summary="The token's user")
def me(request: ApiRequest) -> dict[str, Any]:
    """The user whom the token belongs to."""
    user = request.auth
    return {"id": str(user.pk), "email": user.email, "name": user.name, "is_admin": user.is_admin}


@router.get("/health", auth=None, summary="Is the studio up")
def health(request: HttpRequest) -> dict[str, Any]:
    """Answers without a token. `workers` lists the queues that somebody serves."""
    queues = Worker.objects.alive().values_list("queue", flat=True).distinct()
    return {"status": "ok", "workers": sorted(queues)}
