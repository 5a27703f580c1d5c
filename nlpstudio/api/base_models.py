"""Base models over the API."""

from __future__ import annotations

from typing import Any

from ninja import Router

from nlpstudio.api.base import ApiRequest, Listing, listing
from nlpstudio.registry import base_models

router = Router(tags=["base-models"])


@router.get("/base-models", response=Listing, summary="The shelf of base models")
def index(request: ApiRequest) -> dict[str, Any]:
    """Every base model a run can start from; `available` says whether it is on this machine. Always one page."""
    shelf = base_models.to_json()
    return listing(request, count=len(shelf), page=1, results=shelf, per_page=max(1, len(shelf)))
