"""Before an existing database is migrated, it is saved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from nlpstudio.operations import backup, restore, rows

KEPT = 5


class TooNew(Exception):
    """The database was made by a newer version of the studio."""


def migrate(say: Callable[[str], None]) -> Path | None:
    """Bring the database to the schema of this version and return the backup made before; None when none was needed.

    A new database needs none, nor one that is up to date. Files do not change in a migration, so the backup has the
    rows only. Raises `TooNew`, and `OSError` when there is no room for the backup: then nothing was migrated.
    """
    saved = _save(say) if _has_people() and _is_behind() else None
    call_command("migrate", interactive=False, verbosity=0)
    return saved


def _save(say: Callable[[str], None]) -> Path:
    if newer := rows.unknown_to_us(rows.applied()):
        raise TooNew(f"The database has migration {'.'.join(newer[0])}, which this version does not know.")
    folder = settings.STUDIO_HOME / "backups"
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path: Path = folder / f"before-upgrade-{moment}.backup"
    backup.write(path, with_files=False)
    restore.verify(path)
    say(f"The database is saved in {path}; now it is brought up to date.")
    for old in sorted(folder.glob("before-upgrade-*.backup"))[:-KEPT]:
        old.unlink()
    return path


def _has_people() -> bool:
    if "accounts_user" not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM accounts_user LIMIT 1")
        return cursor.fetchone() is not None


def _is_behind() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
