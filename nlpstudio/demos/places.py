"""Where serve workers listen, and which of them a model is asked of first."""

from __future__ import annotations

import hashlib
import time
from typing import Any

from django.conf import settings

AWAY_SECONDS = 5.0
"""How long a worker that was found away is tried after the others: a machine that is off costs a wait each time."""
CONNECT_SECONDS = 2.0
_away: dict[str, float] = {}


def of(model: object) -> list[str]:
    """The addresses of all serve workers, the one whose model it is first, those that were just away last.

    A model has its place by rendezvous hashing: workers share the models out among them and each is loaded once, until
    its worker is full or away; and one that comes or goes moves no other's models.
    """
    now = time.monotonic()

    def rank(place: str) -> tuple[bool, bytes]:
        own = hashlib.blake2b(f"{place} {model}".encode(), digest_size=8).digest()
        return _away.get(place, 0.0) > now, own

    return sorted(settings.SERVE_URLS or [f"unix://{settings.SERVE_SOCKET}"], key=rank)


def found_away(place: str) -> None:
    """Remember that nobody answered there."""
    _away[place] = time.monotonic() + AWAY_SECONDS


def dialling(place: str) -> tuple[str, dict[str, Any]]:
    """The base of a worker's addresses, and how one of httpx's transports (sync or not) gets there."""
    # Where there is no TLS, `verify=False` spares each client the reading of all certificates (20 ms).
    if place.startswith("unix://"):
        return "http://serve", {"uds": place.removeprefix("unix://"), "verify": False}
    return place, {"verify": place.startswith("https:")}
