"""SQLite as a database for many: writers wait for each other, and what was said to be written is on the disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from pytest_django.plugin import DjangoDbBlocker

WRITERS, TIMES = 4, 10


@pytest.fixture
def file(tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The alias of a database in a file, with the settings of the real one; the suite's own is in memory."""
    if connection.vendor != "sqlite":
        pytest.skip("another database")
    connections.databases["file"] = {**connections.databases["default"], "NAME": str(tmp_path / "db.sqlite3")}
    with django_db_blocker.unblock():
        with connections["file"].cursor() as cursor:
            cursor.execute("CREATE TABLE counter (value INTEGER)")
            cursor.execute("INSERT INTO counter VALUES (0)")
        yield "file"
        connections["file"].close()
    del connections["file"]
    del connections.databases["file"]


def add(alias: str) -> None:
    """Read, think, and write what was read and one more."""
    for _time in range(TIMES):
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            value = cursor.execute("SELECT value FROM counter").fetchone()[0]
            time.sleep(0.002)
            cursor.execute("UPDATE counter SET value = %s", [value + 1])
    connections[alias].close()


def test_no_writer_meets_a_locked_database_and_none_is_lost(file: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(add, [file] * WRITERS))
    with connections[file].cursor() as cursor:
        assert cursor.execute("SELECT value FROM counter").fetchone()[0] == WRITERS * TIMES


def test_the_pragmas_are_in_force(file: str) -> None:
    with connections[file].cursor() as cursor:
        found = {
            name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
