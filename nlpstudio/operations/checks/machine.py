"""What the database, the disk, the workers and the processes of this machine must look like."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import psutil
from django.conf import settings
from django.db import connection

from nlpstudio.accounts import guard
from nlpstudio.core.models import Worker
from nlpstudio.operations.findings import Finding, Tally

LEAST_FREE_BYTES = 1 << 30
FORGOTTEN_TRANSACTION_S = 300
OURS = ("celery", "nlpstudio", "manage.py", "pytest")


def database_is_sound(tally: Tally) -> Iterator[Finding]:
    """SQLite: the file is whole and every foreign key has its row. PostgreSQL: no transaction was left open."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA integrity_check" if tally.deep else "PRAGMA quick_check")
            for (words,) in cursor.fetchall():
                if words != "ok":
                    yield Finding(check="database.sound", subject="database", message=str(words))
            cursor.execute("PRAGMA foreign_key_check")
            for table, row, parent, _key in cursor.fetchall():
                yield Finding(check="database.sound", subject=f"{table} {row}", message=f"no such row in {parent}")
        elif connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pid, EXTRACT(EPOCH FROM now() - xact_start) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state LIKE 'idle in transaction%%'"
                " AND xact_start < now() - make_interval(secs => %s)",
                [FORGOTTEN_TRANSACTION_S],
            )
            for pid, seconds in cursor.fetchall():
                words = f"a transaction has been open and idle for {seconds:.0f} s"
                yield Finding(check="database.sound", subject=f"connection {pid}", message=words)
    tally.count("database")


def audit_log_is_guarded(tally: Tally) -> Iterator[Finding]:
    """The database itself refuses to change the audit log."""
    tally.count("guards")
    if not guard.is_installed(connection):
        words = "its triggers are missing: entries could be changed. Run the migrations, or nlpstudio.accounts.guard.install"
        yield Finding(check="audit.guarded", subject="audit log", message=words)


def disk_has_space(tally: Tally) -> Iterator[Finding]:
    """A warning when files or database are about to have no room."""
    for path in {settings.STUDIO_HOME, settings.FILES_ROOT}:
        if path.exists():
            tally.count("disks")
            free = shutil.disk_usage(path).free
            if free < LEAST_FREE_BYTES:
                words = f"only {free >> 20} MiB are free; runs stop when the disk is full"
                yield Finding(check="disk.space", subject=path.name, message=words, is_warning=True)


def workers_are_alive(tally: Tally) -> Iterator[Finding]:
    """A warning for each kind of worker of which none is alive."""
    alive = set(Worker.objects.alive().values_list("queue", flat=True))
    tally.count("workers", len(alive))
    for queue in ("train", "io", "serve"):
        if queue not in alive:
            words = "no worker of this kind is alive: its work waits"
            yield Finding(check="workers.alive", subject=queue, message=words, is_warning=True)


def processes_are_owned(tally: Tally) -> Iterator[Finding]:
    """Every engine process of this home on this machine has a living parent of ours."""
    home = str(settings.STUDIO_HOME)
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "nlpstudio.engine" not in words or process.environ().get("STUDIO_HOME") != home:
                continue
            tally.count("engine processes")
            parent = process.parent()
            owner = " ".join(parent.cmdline()) if parent else ""
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if not any(name in owner for name in OURS):
            what = " ".join(words[words.index("nlpstudio.engine") :][:3])
            yield Finding(check="processes.owned", subject=f"process {process.pid}", message=f"orphan: {what}")
