"""How often versions are asked: counted in memory, added to the day's sum in the database every other second.

No row a request, and a request costs no write but one in so many. What a killed process had not written is lost.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import F, Sum
from django.utils import timezone

from nlpstudio.registry.models import ModelVersion, Usage

WRITE_SECONDS = 2.0
SHOWN_DAYS = 30

Key = tuple[UUID, date, str]


@dataclass(slots=True)
class _Sum:
    requests: int = 0
    failed: int = 0
    milliseconds: float = 0.0


class Counter:
    """The counts of this process that are not in the database yet."""

    def __init__(self) -> None:
        self._sums: dict[Key, _Sum] = {}
        self._lock = threading.Lock()
        self._written_at = 0.0

    def add(self, version_id: UUID, source: str, *, seconds: float, failed: int = 0, requests: int = 1) -> None:
        """Count a request (or the rows of a file), and write what has gathered when it is time."""
        with self._lock:
            one = self._sums.setdefault((version_id, timezone.now().date(), source), _Sum())
            one.requests += requests
            one.failed += failed
            one.milliseconds += 1000 * seconds
            due = time.monotonic() - self._written_at > WRITE_SECONDS
        if due:
            self.write()

    def write(self) -> None:
        """Add what has gathered to the database; what cannot be written now is kept for the next time."""
        with self._lock:
            gathered, self._sums = self._sums, {}
            self._written_at = time.monotonic()
        if not gathered:
            return  # a command that asked nothing opens no database when it ends
        try:
            with transaction.atomic():
                for key, one in sorted(gathered.items(), key=lambda item: str(item[0])):
                    _add(key, one)
        except DatabaseError:
            with self._lock:
                for key, one in gathered.items():
                    mine = self._sums.setdefault(key, _Sum())
                    mine.requests += one.requests
                    mine.failed += one.failed
                    mine.milliseconds += one.milliseconds


COUNTER = Counter()
atexit.register(COUNTER.write)


def _add(key: Key, one: _Sum) -> None:
    version_id, day, source = key
    if not ModelVersion.objects.filter(pk=version_id).exists():
        return  # deleted in the meantime
    Usage.objects.get_or_create(version_id=version_id, day=day, source=source)
    Usage.objects.filter(version_id=version_id, day=day, source=source).update(
        requests=F("requests") + one.requests,
        failed=F("failed") + one.failed,
        milliseconds=F("milliseconds") + round(one.milliseconds),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What one source asked of a version in the shown days. `milliseconds` is the mean of a request."""

    source: str
    requests: int
    failed: int
    milliseconds: float


def of(version: ModelVersion) -> Sequence[Sums]:
    """The version's sums of the last days, the busiest source first."""
    COUNTER.write()
    since = timezone.now().date() - timedelta(days=SHOWN_DAYS - 1)
    rows = Usage.objects.filter(version=version, day__gte=since).values("source")
    summed = rows.annotate(asked=Sum("requests"), wrong=Sum("failed"), spent=Sum("milliseconds")).order_by("-asked")
    return [
        Sums(
            source=row["source"],
            requests=row["asked"],
            failed=row["wrong"],
            milliseconds=row["spent"] / max(1, row["asked"]),
        )
        for row in summed
    ]
