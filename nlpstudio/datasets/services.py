"""What people do with data sets: bring a file, say how to read it, rename, delete."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace

from django.core.files import File
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.datasets import tasks
from nlpstudio.datasets.meter import TWICE
from nlpstudio.datasets.models import CONFIGURABLE, Dataset, DatasetVersion, VersionState
from nlpstudio.datasets.storing import discard, shown_name, store
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.sniffing import sniff
from nlpstudio.engine.samples import SAMPLES
from nlpstudio.projects.models import Project
from nlpstudio.quotas import services as quotas


def upload(
    *, project: Project, name: str, task: str, file: File[bytes], by: User, options: ImportOptions | None = None
) -> DatasetVersion:
    """A new data set from a file. With `options` the import starts at once; without, a draft waits for them.

    Raises `StudioError` for an empty file, one that is too large or above the team's storage, or a full disk.
    """
    dataset = Dataset(project=project, name=name.strip()[:120] or shown_name(file)[:120], task=task, created_by=by)
    return _add_version(dataset, file, by, options)


def new_version(
    *, dataset: Dataset, file: File[bytes], by: User, options: ImportOptions | None = None
) -> DatasetVersion:
    """The next version of a data set from another file, otherwise as `upload`."""
    return _add_version(dataset, file, by, options)


def _add_version(dataset: Dataset, file: File[bytes], by: User, options: ImportOptions | None) -> DatasetVersion:
    version = DatasetVersion(id=uuid.uuid4(), source_name=shown_name(file), created_by=by)
    quotas.require_room(dataset.project, TWICE * (file.size or 0))
    version.source_bytes = store(file, version.source)
    try:
        version.options = _first_options(dataset, version).to_json()  # reads the file: nobody waits for us meanwhile
        with transaction.atomic():
            _save_version(dataset, version, by)
            if options is not None:
                configure(version=version, options=options, by=by)
    except BaseException:
        discard(version.source)
        raise
    return version


def _save_version(dataset: Dataset, version: DatasetVersion, by: User) -> None:
    is_new = dataset._state.adding
    if is_new:
        dataset.save()
    else:
        Dataset.objects.select_for_update().get(pk=dataset.pk)  # two at once get two numbers
    last = dataset.versions.aggregate(last=Max("number"))["last"] or 0
    version.dataset = dataset
    version.number = last + 1
    version.save()
    quotas.require_room(dataset.project, version.source_bytes * (TWICE - 1), lock=True)
    record(
        by,
        "dataset.created" if is_new else "dataset.version_added",
        dataset,
        project_id=dataset.project_id,
        version=version.number,
        file=version.source_name,
    )


def _first_options(dataset: Dataset, version: DatasetVersion) -> ImportOptions:
    """What to propose: as the last good version was mapped and split, where this file has such columns too."""
    plain = ImportOptions(task=dataset.task)
    earlier = dataset.versions.ready().order_by("-number").values_list("options", flat=True).first()
    if earlier is None:
        return plain
    before = ImportOptions.from_json(earlier)
    plain = replace(plain, multilabel=before.multilabel, split=before.split, keep_good_rows=before.keep_good_rows)
    sniffed = sniff(version.source, dataset.task, plain, name=version.source_name)
    fits = before.columns is not None and set(before.columns.values()) <= set(sniffed.columns)
    return replace(plain, columns=before.columns) if fits else plain


def save_draft(*, version: DatasetVersion, options: ImportOptions) -> None:
    """Remember what was chosen so far, so that a reload shows it again."""
    DatasetVersion.objects.filter(pk=version.pk, state__in=CONFIGURABLE).update(options=options.to_json())
    version.options = options.to_json()


@transaction.atomic
def configure(*, version: DatasetVersion, options: ImportOptions, by: User) -> None:
    """Settle how the file is read and start the import. Raises `StudioError` when it was started before."""
    fresh = {"state": VersionState.IMPORTING, "options": options.to_json(), "attempt": 0, "heartbeat_at": None}
    clean = {
        "progress_rows": 0,
        "progress_share": 0.0,
        "error_code": "",
        "error_message": "",
        "error_hint": "",
        "first_problems": [],
    }
    started = DatasetVersion.objects.filter(pk=version.pk, state__in=CONFIGURABLE).update(**fresh, **clean)
    if not started:
        raise StudioError(
            _("This version is already imported."), hint=_("Upload a new version instead."), code="dataset.not_a_draft"
        )
    record(by, "dataset.import_started", version.dataset, project_id=version.dataset.project_id, version=version.number)
    delay_on_commit(tasks.import_version, str(version.pk))
    version.refresh_from_db()


def amend(*, dataset: Dataset, rows: Sequence[Row], name: str, by: User) -> DatasetVersion:
    """The newest good version with these rows corrected or added, as the next version, importing; `name` says whence.

    Raises `StudioError` when no version is ready to be amended.
    """
    base = dataset.versions.ready().order_by("-number").first()
    if base is None:
        raise StudioError(
            _("No version of this data set is ready."), hint=_("Import its data first."), code="dataset.not_ready"
        )
    options = ImportOptions.from_json({"task": dataset.task, **base.options})
    lines = "".join(json.dumps(row.to_record(), ensure_ascii=False) + "\n" for row in rows)
    version = DatasetVersion(id=uuid.uuid4(), source_name=name[:255], amends=base, created_by=by)
    version.source_bytes = store(ContentFile(lines.encode()), version.source)
    try:
        with transaction.atomic():
            _save_version(dataset, version, by)
            configure(version=version, options=options, by=by)
    except BaseException:
        discard(version.source)
        raise
    return version


def add_sample(*, project: Project, sample_id: str, by: User) -> DatasetVersion:
    """One of the ready samples as a data set of the project, importing. Raises `StudioError` for an unknown one."""
    sample = SAMPLES.get(sample_id)
    if sample is None:
        raise StudioError(_("There is no such sample."), code="dataset.no_such_sample", status=404)
    with sample.path.open("rb") as stream:
        file = File(stream, name=sample.path.name)
        return upload(
            project=project,
            name=sample.name,
            task=sample.task,
            file=file,
            by=by,
            options=ImportOptions(task=sample.task),
        )


@transaction.atomic
def rename(*, dataset: Dataset, name: str, by: User) -> None:
    """Give the data set another name."""
    before, dataset.name = dataset.name, name
    dataset.save(update_fields=["name"])
    record(by, "dataset.renamed", dataset, project_id=dataset.project_id, before=before)


@transaction.atomic
def delete(*, dataset: Dataset, by: User) -> None:
    """Hide the data set. Raises `StudioError` while a run trains on it."""
    running = dataset.versions.filter(runs__ended_at__isnull=True, runs__deleted_at__isnull=True)
    name = running.values_list("runs__name", flat=True).first()
    if name is not None:
        raise StudioError(
            _("The run “%(run)s” is training on this data set.") % {"run": name},
            hint=_("Wait until it ends, or cancel it first."),
            code="dataset.in_use",
        )
    if Dataset.objects.filter(pk=dataset.pk, deleted_at__isnull=True).update(deleted_at=clock.now()):
        record(by, "dataset.deleted", dataset, project_id=dataset.project_id)
