"""Tells an error that passes, because the database or the broker is away or busy, from one that is a bug."""

from __future__ import annotations

import sqlite3

from django.db import InterfaceError, OperationalError
from redis.exceptions import ConnectionError as BrokerAway
from redis.exceptions import TimeoutError as BrokerSilent

SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}
POSTGRESQL = {"08", "25", "40", "53", "55", "57"}
"""Classes of SQLSTATE: connection, read-only after a failover, deadlock, resources, locks, operator (such as a restart)."""


def is_away(error: BaseException | None) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(error, BrokerAway | BrokerSilent):
        return True
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in SQLITE
    state = getattr(error.__cause__, "sqlstate", None)  # none when the connection itself broke
    return state is None or state[:2] in POSTGRESQL
