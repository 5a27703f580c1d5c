"""What people do with batch predictions: bring a file, say which column is the text, cancel, delete, take the result."""

from __future__ import annotations

import uuid
from dataclasses import replace

from django.core.files import File
from django.db import transaction
from django.utils.translation import gettext as _

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.core import clock, removing
from nlpstudio.core.errors import StudioError
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.datasets.storing import discard, shown_name, store
from nlpstudio.demos import tasks
from nlpstudio.demos.meter import TWICE
from nlpstudio.demos.models import UNDER_WAY, Batch, BatchState
from nlpstudio.engine.batch.looking import look
from nlpstudio.engine.batch.order import ROLES, Reading
from nlpstudio.engine.data.sniffing import Sniffed
from nlpstudio.quotas import services as quotas
from nlpstudio.registry.models import ModelVersion

NOT_UNDER_WAY = frozenset(BatchState) - UNDER_WAY


class UnusableFile(StudioError):
    """No row of the file could be answered as it is read now."""

    code = "batch.unusable"
    status = 400


class AnswersNoFiles(StudioError):
    """The model's task has no answer for a row of a table."""

    code = "batch.no_files"
    status = 400


def answers_files(version: ModelVersion) -> bool:
    """Whether there is something to say of a row: a language model that was only pre-trained has nothing."""
    return version.model.task in ROLES


def upload(*, version: ModelVersion, file: File[bytes], by: User, reading: Reading | None = None) -> Batch:
    """Take a file. With `reading` (its gaps are guessed) the prediction starts; without, a draft waits to be confirmed.

    Raises `AnswersNoFiles`, `StudioError` for an empty file, one that is too large or above the team's storage, a full
    disk, and, with `reading`, `UnusableFile`.
    """
    if not answers_files(version):
        raise AnswersNoFiles(_("A model of this kind answers no files."))
    batch = Batch(id=uuid.uuid4(), version=version, source_name=shown_name(file), created_by=by)
    quotas.require_room(version.model.project, TWICE * (file.size or 0))
    batch.source_bytes = store(file, batch.source)
    try:
        with transaction.atomic():
            batch.save()
            quotas.require_room(version.model.project, lock=True)
            if reading is not None:
                start(batch=batch, reading=reading, by=by)
    except BaseException:
        discard(batch.source)
        raise
    return batch


def first_look(batch: Batch, reading: Reading | None = None) -> Sniffed:
    """What the file seems to be, with the columns guessed from those of the training data."""
    return look(
        batch.source,
        batch.version.model.task,
        reading if reading is not None else Reading.from_json(batch.reading),
        name=batch.source_name,
        trained=batch.trained,
        pairs=batch.version.takes_pairs,
    )


def save_draft(*, batch: Batch, reading: Reading) -> None:
    """Remember what was chosen so far, so that a reload shows it again."""
    Batch.objects.filter(pk=batch.pk, state=BatchState.DRAFT).update(reading=reading.to_json())
    batch.reading = reading.to_json()


@transaction.atomic
def start(*, batch: Batch, reading: Reading, by: User) -> None:
    """Settle which columns are read and queue the prediction.

    Raises `UnusableFile`, and `StudioError` when it was started before.
    """
    found = first_look(batch, reading)
    if not found.usable:
        said = next((each for each in found.messages if each["level"] == "error"), {})
        raise UnusableFile(said.get("message", ""), hint=said.get("hint", ""), code=said.get("code", ""))
    settled = replace(reading, columns=found.guessed, header=found.header)
    started = Batch.objects.filter(pk=batch.pk, state=BatchState.DRAFT).update(
        state=BatchState.QUEUED,
        reading=settled.to_json(),
        queued_at=clock.now(),
        engine=batch.version.answering_engine,
        abstain_below=batch.version.abstain_below,
    )
    if not started:
        raise StudioError(
            _("This prediction was started before."), hint=_("Upload the file again."), code="batch.not_a_draft"
        )
    record(by, "batch.started", batch, project_id=batch.project.pk, version=str(batch.version))
    delay_on_commit(tasks.predict_files)
    batch.refresh_from_db(fields=["state", "reading", "queued_at", "engine", "abstain_below"])


@transaction.atomic
def cancel(*, batch: Batch, by: User) -> None:
    """End the prediction and throw away what was answered. Raises `StudioError` when it has ended already."""
    fields = {"state": BatchState.CANCELLED, "ended_at": clock.now()}
    if not Batch.objects.filter(pk=batch.pk, state__in=UNDER_WAY).update(**fields):
        raise StudioError(_("This prediction has already ended."), code="batch.not_under_way")
    record(by, "batch.cancelled", batch, project_id=batch.project.pk, version=str(batch.version))
    batch.refresh_from_db(fields=["state", "ended_at"])


@transaction.atomic
def resume(*, batch: Batch, by: User) -> None:
    """Go on with a failed prediction where it stopped. Raises `StudioError` when it has not failed."""
    fresh = {"state": BatchState.QUEUED, "attempt": 0, "heartbeat_at": None, "queued_at": clock.now(), "ended_at": None}
    clean = {"error_code": "", "error_message": "", "error_hint": "", "rows_per_s": 0}
    if not Batch.objects.filter(pk=batch.pk, state=BatchState.FAILED).update(**fresh, **clean):
        raise StudioError(_("Only a failed prediction can be resumed."), code="batch.not_failed")
    record(by, "batch.resumed", batch, project_id=batch.project.pk, version=str(batch.version))
    delay_on_commit(tasks.predict_files)
    batch.refresh_from_db()


@transaction.atomic
def delete(*, batch: Batch, by: User) -> None:
    """Delete the prediction with its files. Raises `StudioError` while it is under way."""
    deleted, _kinds = Batch.objects.filter(pk=batch.pk, state__in=NOT_UNDER_WAY).delete()
    if not deleted:
        raise StudioError(_("This prediction is under way."), hint=_("Cancel it first."), code="batch.under_way")
    record(by, "batch.deleted", batch, project_id=batch.project.pk, version=str(batch.version))
    removing.doom([batch.folder])
