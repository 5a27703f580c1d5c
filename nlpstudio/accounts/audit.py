"""Writing down who did what, in the same transaction as the deed, and giving the log away as a table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Model
from django.utils.module_loading import import_string

from nlpstudio.accounts import deeds
from nlpstudio.accounts.models import AuditEntry, AuditQuerySet, User
from nlpstudio.core import cells

HEAD = ("at", "by", "by_id", "action", "words", "object", "object_id", "name", "project_id", "team_id", "details")


def record(
    by: User | None,
    action: str,
    subject: Model,
    *,
    project_id: UUID | None = None,
    team_id: UUID | None = None,
    **details: Any,
) -> None:
    """Add an entry such as `record(user, "run.started", run, project_id=run.project_id)`, and tell the listeners."""
    entry = AuditEntry.objects.create(
        user=by,
        action=action,
        object_kind=subject._meta.model_name or "",
        object_id=str(subject.pk),
        object_name=str(subject)[:200],
        project_id=project_id,
        team_id=team_id,
        details=details,
    )
    for listener in settings.AUDIT_LISTENERS:
        import_string(listener)(entry, subject)


def as_csv(entries: AuditQuerySet) -> Iterator[bytes]:
    """The entries as a CSV that no spreadsheet runs, some hundred at a time. Times are in UTC."""
    yield cells.BOM + cells.csv_line(HEAD)
    for page in entries.pages():
        yield b"".join(cells.csv_line(_cells(entry)) for entry in page)


def _cells(entry: AuditEntry) -> tuple[object, ...]:
    is_named = getattr(entry, "is_named", True)
    details = json.dumps(entry.details, ensure_ascii=False) if is_named and entry.details else ""
    return (
        entry.at.astimezone(UTC).isoformat(timespec="seconds"),
        entry.user or "",
        entry.user_id or "",
        entry.action,
        deeds.in_words(entry.action),
        entry.object_kind,
        entry.object_id,
        entry.object_name if is_named else "",
        entry.project_id or "",
        entry.team_id or "",
        details,
    )
