"""The shelf of base models as pages and the API see it, and bringing one to this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import httpx
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from huggingface_hub import constants

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.engine import shelf
from nlpstudio.engine.conversion.sources import BaseModel, HubRepository, LocalFolder
from nlpstudio.projects.access import edits_somewhere
from nlpstudio.registry import tasks
from nlpstudio.registry.models import BaseModelFetch, JobState

HUB_SECONDS = 2.0
HUB_REMEMBERED = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OnShelf:
    """A base model, whether it is on this machine, whether only the Hub has it, and its fetch if there was one."""

    entry: BaseModel
    available: bool
    needs_hub: bool
    fetch: BaseModelFetch | None

    @property
    def is_under_way(self) -> bool:
        return self.fetch is not None and self.fetch.is_under_way and not self.available


def on_shelf() -> list[OnShelf]:
    """The whole shelf, what is on this machine first."""
    fetches = BaseModelFetch.objects.in_bulk()
    entries = [
        OnShelf(
            entry=entry,
            available=shelf.is_available(entry.id),
            needs_hub=needs_hub(entry),
            fetch=fetches.get(entry.id),
        )
        for entry in shelf.base_models()
    ]
    return sorted(entries, key=lambda each: not each.available)


def to_json() -> list[dict[str, Any]]:
    """The shelf as `GET /base-models` lists it."""
    return [shelf.to_json(entry) for entry in shelf.base_models()]


def hub_is_reachable() -> bool:
    """Whether this machine can talk to the Hugging Face Hub; asked at most once a minute, never for long."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    known = cache.get("registry.hub")
    if known is None:
        try:
            known = httpx.head(constants.ENDPOINT, timeout=HUB_SECONDS).status_code < 500
        except httpx.HTTPError:
            known = False
        cache.set("registry.hub", known, HUB_REMEMBERED)
    return bool(known)


def needs_hub(entry: BaseModel) -> bool:
    """Whether the base model is not on this machine and can come from nowhere but the Hub."""
    elsewhere = any(not isinstance(source, HubRepository | LocalFolder) for source in entry.sources)
    return not elsewhere and not shelf.is_available(entry.id)


def may_fetch(user: User) -> bool:
    """Admins, and editors of any project or team."""
    return user.is_admin or edits_somewhere(user)


@transaction.atomic
def order(*, model_id: str, by: User) -> BaseModelFetch:
    """Have the io worker fetch the base model; once, however often it is asked for.

    Raises `PermissionDenied`, and `BaseModelMissing` for an id that is not on the shelf.
    """
    if not may_fetch(by):
        raise PermissionDenied
    entry = shelf.find(model_id)
    before = BaseModelFetch.objects.select_for_update().filter(pk=entry.id).first()
    if before is not None and before.is_under_way:
        return before
    values = {"state": JobState.QUEUED, "step": "", "error_message": "", "error_hint": "", "asked_by": by}
    order, _created = BaseModelFetch.objects.update_or_create(pk=entry.id, defaults=values)
    audit.record(by, "base_model.ordered", order)
    delay_on_commit(tasks.fetch_base_model, entry.id)
    return order
