"""The database's clock: leases and heartbeats must not trust each machine's own."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import DateTimeField, Func, Value
from django.db.models.expressions import Combinable
from django.utils import timezone


class StatementNow(Func):
    """PostgreSQL's time at the statement."""

    template = "STATEMENT_TIMESTAMP()"
    output_field = DateTimeField()


def in_seconds(seconds: float) -> Combinable | datetime:
    """The database's now plus `seconds`, to filter by or to store.

    SQLite lives on one machine and has no server: there the process's clock is the database's.
    """
    if connection.vendor == "sqlite":
        return timezone.now() + timedelta(seconds=seconds)
    return StatementNow() + Value(timedelta(seconds=seconds))


def now() -> Combinable | datetime:
    """The database's now, to filter by or to store."""
    return timezone.now() if connection.vendor == "sqlite" else StatementNow()
