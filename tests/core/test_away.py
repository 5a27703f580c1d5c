"""While the database is away or busy people get 503 and may try again; a bug stays a 500."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.test import Client

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token
from nlpstudio.core.away import is_away


def locked(folder: Path) -> Exception:
    with sqlite3.connect(folder / "db", isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        try:
            sqlite3.connect(folder / "db", timeout=0).execute("CREATE TABLE t (x)")
        except sqlite3.OperationalError as error:
            return error
    raise AssertionError("it was not locked")


def misspelt(folder: Path) -> Exception:
    try:
        sqlite3.connect(folder / "db").execute("SELECT * FROM nothing")
    except sqlite3.OperationalError as error:
        return error
    raise AssertionError("there is such a table")


def unreachable(folder: Path) -> Exception:
    try:
        psycopg.connect(host=str(folder), connect_timeout=2)
    except psycopg.OperationalError as error:
        return error
    raise AssertionError("a server answered")


def as_django_raises_it(cause: Exception, kind: type[DatabaseError | InterfaceError] = OperationalError) -> Exception:
    error = kind(*cause.args)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("make", "away"),
    [(locked, True), (unreachable, True), (misspelt, False)],
)
def test_an_error_that_passes_is_told_from_a_bug(tmp_path: Path, make: Callable[[Path], Exception], away: bool) -> None:
    assert is_away(as_django_raises_it(make(tmp_path))) is away


@pytest.mark.parametrize(
    ("cause", "away"),
    [
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.DeadlockDetected(), True),
        (psycopg.errors.StatementTooComplex(), False),
    ],
)
def test_what_postgresql_says_decides(cause: Exception, away: bool) -> None:
    assert is_away(as_django_raises_it(cause)) is away


def test_a_broker_that_cannot_be_reached_is_away_and_a_wrong_command_is_a_bug(tmp_path: Path) -> None:
    with redis.Redis(unix_socket_path=str(tmp_path / "nothing")) as client, pytest.raises(redis.RedisError) as raised:
        client.ping()
    assert is_away(raised.value)
    assert not is_away(redis.ResponseError("unknown command"))
    assert not is_away(ValueError("x")) and not is_away(None)


@pytest.mark.django_db
def test_people_and_programs_are_told_to_try_again(client: Client, owner: User, tmp_path: Path) -> None:
    token = create_token(owner, "test")[1]
    client.force_login(owner)
    client.raise_request_exception = False
    error = as_django_raises_it(locked(tmp_path))

    def fail(*_: Any) -> Any:
        raise error

    with connection.execute_wrapper(fail):
        page = client.get("/projects/")
        answer = client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
        ready = client.get("/readyz")
    assert (page.status_code, page["Retry-After"]) == (503, "2")
    assert "Nothing is lost" in page.content.decode()
    assert (answer.status_code, answer.json()["error"]["code"], answer["Retry-After"]) == (503, "away", "2")
    assert ready.status_code == 503
    error = as_django_raises_it(misspelt(tmp_path))
    with connection.execute_wrapper(fail):
        assert client.get("/projects/").status_code == 500
    assert client.get("/projects/").status_code == 200
