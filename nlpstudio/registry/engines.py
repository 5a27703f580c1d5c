"""What people do with a version's engines: have them made, choose which one answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.engine.inference import engines
from nlpstudio.registry import tasks
from nlpstudio.registry.models import EngineChoice, EngineExport, JobState, ModelVersion


class NotThere(StudioError):
    """The engine cannot be chosen: the version was not exported."""

    code = "engine.not_there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One engine in the comparison. `against` says why it may not answer by itself: "rows", "changed", "loss" or ""."""

    name: str
    label: str
    size_bytes: int
    request_ms: float
    rows: int
    metric: float | None
    changed: int | None
    changed_share: float | None
    against: str
    answers: bool


def order_after_publishing(version: ModelVersion) -> None:
    """Have the engines of a new version made in the background, where the installation wants that."""
    if settings.EXPORT_ENGINES:
        _queue(version)


@transaction.atomic
def order(*, version: ModelVersion, by: User) -> None:
    """Have the engines made (again), unless that is under way."""
    export = EngineExport.objects.select_for_update().filter(version=version).first()
    if export is None or not export.is_under_way:
        _queue(version)
        audit.record(by, "engines.ordered", version, project_id=version.model.project_id)


def _queue(version: ModelVersion) -> None:
    fresh: dict[str, Any] = {"state": JobState.QUEUED, "attempt": 0, "queued_at": clock.now(), "ended_at": None}
    EngineExport.objects.update_or_create(
        version=version, defaults={**fresh, "error_code": "", "error_message": "", "error_hint": ""}
    )
    delay_on_commit(tasks.export_engines)


@transaction.atomic
def choose(*, version: ModelVersion, engine: str, by: User) -> None:
    """Say which engine answers from now on. Raises `NotThere` for one that was not made."""
    if engine not in EngineChoice.values:
        raise NotThere(_("There is no such engine."))
    if engine in (engines.FP32, engines.INT8) and not engines.bytes_of(version.artifact, engine):
        raise NotThere(_("This engine has not been made for this version."), hint=_("Have the engines made first."))
    before = version.engine
    if engine == before:
        return
    version.engine = engine
    version.save(update_fields=["engine"])
    audit.record(by, "engine.chosen", version, project_id=version.model.project_id, engine=engine, before=before)


def comparison(version: ModelVersion) -> Sequence[Shown]:
    """The figures of each engine, torch first; nothing before the export is finished."""
    export = getattr(version, "export", None)
    if export is None or not export.report:
        return []
    answering = version.answering_engine
    figures = export.report["engines"]
    return [
        Shown(
            name=name,
            label=str(EngineChoice(name).label),
            answers=name == answering,
            **{key: figures[name][key] for key in Shown.__slots__ if key not in ("name", "label", "answers")},
        )
        for name in engines.ENGINES
        if name in figures
    ]
