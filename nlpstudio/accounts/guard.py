"""Triggers by which the database itself refuses to change or delete what the audit log says.

One change is let through: the person of an entry becomes nobody when their account is deleted. SQLite forgets the
triggers of a table that a migration makes anew, so a migration of `AuditEntry` must end with `install`; the doctor
says when they are missing. They hold against the studio and its SQL, not against the owner of the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "accounts_auditentry"
MAY_BECOME_NOBODY = "user_id"
NAMES = ("auditentry_keeps", "auditentry_stays", "auditentry_whole")
WORDS = "the audit log is only ever added to"


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers, in place of older ones."""
    remove(connection)
    with connection.cursor() as cursor:
        for statement in _POSTGRESQL if connection.vendor == "postgresql" else _sqlite(connection):
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers that are there."""
    of_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in NAMES:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{of_table}")


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Whether every trigger that this kind of database needs is there and awake."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgenabled <> 'D'",
                [TABLE],
            )
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
        return set(NAMES) <= {row[0] for row in cursor.fetchall()}


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """For a restore, which puts another log in place of this one. Without triggers before there are none after."""
    was = TABLE in connection.introspection.table_names() and is_installed(connection)
    if was:
        remove(connection)
    yield
    if was:
        install(connection)


_POSTGRESQL = (
    f"""
    CREATE OR REPLACE FUNCTION nlpstudio_audit_refuses() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND NEW.{MAY_BECOME_NOBODY} IS NULL
            AND to_jsonb(NEW) - '{MAY_BECOME_NOBODY}' = to_jsonb(OLD) - '{MAY_BECOME_NOBODY}' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    *(
        f"CREATE TRIGGER {name} BEFORE {deed} ON {TABLE} FOR EACH {each} EXECUTE FUNCTION nlpstudio_audit_refuses()"
        for name, deed, each in zip(NAMES, ("UPDATE", "DELETE", "TRUNCATE"), ("ROW", "ROW", "STATEMENT"), strict=True)
    ),
)


def _sqlite(connection: BaseDatabaseWrapper) -> Iterator[str]:
    with connection.cursor() as cursor:
        columns = [column.name for column in connection.introspection.get_table_description(cursor, TABLE)]
    kept = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in columns if name != MAY_BECOME_NOBODY)
    refusal = f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    yield (
        f"CREATE TRIGGER {NAMES[0]} BEFORE UPDATE ON {TABLE} "
        f"WHEN NEW.{MAY_BECOME_NOBODY} IS NOT NULL OR {kept} {refusal}"
    )
    yield f"CREATE TRIGGER {NAMES[1]} BEFORE DELETE ON {TABLE} {refusal}"
    # INSERT OR REPLACE deletes without asking the trigger above.
    taken = f"EXISTS (SELECT 1 FROM {TABLE} WHERE id = NEW.id)"
    yield f"CREATE TRIGGER {NAMES[2]} BEFORE INSERT ON {TABLE} WHEN {taken} {refusal}"
