"""Writing down who did what, in the same transaction as the deed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Model

from nlpstudio.accounts.models import AuditEntry, User


def record(
    by: User | None,
    action: str,
    subject: Model,
    *,
    project_id: UUID | None = None,
    team_id: UUID | None = None,
    **details: Any,
) -> None:
    """Add an entry such as `record(user, "run.started", run, project_id=run.project_id)`."""
    AuditEntry.objects.create(
        user=by,
        action=action,
        object_kind=subject._meta.model_name or "",
        object_id=str(subject.pk),
        object_name=str(subject)[:200],
        project_id=project_id,
        team_id=team_id,
        details=details,
    )
