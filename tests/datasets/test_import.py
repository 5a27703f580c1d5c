"""From an upload to rows: the service, the worker's part, and everything that goes wrong on the way."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core.errors import StudioError
from nlpstudio.datasets import execution, services, tasks
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.samples import SAMPLES
from nlpstudio.projects.models import Project
from tests.datasets.conftest import FILES, REVIEWS, Import, upload_of


@pytest.mark.parametrize(("task", "rows"), [("classification", 60), ("ner", 30), ("qa", 30)])
def test_a_good_file_of_each_task_becomes_ready(bring: Import, task: str, rows: int) -> None:
    version = bring(FILES[task], task)
    assert (version.state, version.error_message) == (VersionState.READY, "")
    assert version.rows == rows == sum(version.splits.values())
    assert version.progress_share == 1
    assert version.fingerprint == DatasetFolder.open(version.folder).info.fingerprint
    assert version.statistics["characters"]["percentiles"]["50"] > 0


def test_what_is_known_of_the_file_is_on_the_row(version: DatasetVersion) -> None:
    assert version.labels == ["bad", "good"]
    assert version.columns == ["text", "label"]
    assert version.splits == {"train": 48, "validation": 6, "test": 6}
    assert version.options["header"] is True


def test_bad_rows_are_left_out_and_named_by_line(bring: Import) -> None:
    version = bring(REVIEWS + "no label here\n\tno text\n")
    assert (version.state, version.rows, version.rejected_count) == (VersionState.READY, 60, 2)
    assert [problem["line"] for problem in version.first_problems] == [62, 63]
    assert all(problem["fix"] for problem in version.first_problems)


HOSTILE = {
    "an empty table": b"text\tlabel\n",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\x00" * 200,
    "a broken gzip": b"\x1f\x8b\x08\x00" + b"\xff" * 50,
    "one label only": b"text\tlabel\n" + b"fine\tgood\n" * 30,
    "only control characters": b"\x00\x01\x02\x03" * 500,
    "a web page": b"<!DOCTYPE html><html><body>please sign in</body></html>",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_fails_in_words(bring: Import, content: bytes) -> None:
    version = bring(content)
    assert version.state == VersionState.FAILED
    assert version.error_code.startswith("data.")
    assert version.error_message
    assert version.error_hint
    assert not version.folder.exists()


def test_a_failed_import_can_be_configured_again(bring: Import, editor: User) -> None:
    version = bring("fine\tgood\n" * 5 + "poor\tbad\n" * 5, "qa")
    assert version.state == VersionState.FAILED
    services.configure(version=version, options=ImportOptions(task="qa"), by=editor)
    assert (version.state, version.error_message) == (VersionState.IMPORTING, "")


def test_the_message_may_come_twice(version: DatasetVersion) -> None:
    before = DatasetFolder.open(version.folder).path.stat().st_mtime_ns
    tasks.import_version(str(version.pk))
    version.refresh_from_db()
    assert (version.state, version.fence) == (VersionState.READY, 1)
    assert version.folder.stat().st_mtime_ns == before


def test_an_import_that_another_worker_holds_is_left_alone(project: Project, editor: User) -> None:
    version = _waiting(project, editor)
    DatasetVersion.objects.filter(pk=version.pk).update(heartbeat_at=execution.clock.now(), fence=1, attempt=1)
    tasks.import_version(str(version.pk))
    version.refresh_from_db()
    assert (version.state, version.fence) == (VersionState.IMPORTING, 1)


def test_a_worker_whose_import_was_taken_over_changes_nothing(project: Project, editor: User) -> None:
    version = _waiting(project, editor)
    claimed = execution._claim(version.pk)
    assert claimed is not None
    DatasetVersion.objects.filter(pk=version.pk).update(fence=2)
    with pytest.raises(execution.Superseded):
        execution._progress(claimed)(10, 0.1)
    execution._fail(claimed, execution.ImportCrashed())
    version.refresh_from_db()
    assert (version.state, version.progress_rows) == (VersionState.IMPORTING, 0)


def _waiting(project: Project, by: User) -> DatasetVersion:
    options = ImportOptions(task="classification")
    return services.upload(
        project=project, name="", task="classification", file=upload_of(REVIEWS), by=by, options=options
    )


def _dead(version: DatasetVersion, *, attempt: int) -> None:
    long_ago = execution.clock.in_seconds(-3600)
    DatasetVersion.objects.filter(pk=version.pk).update(heartbeat_at=long_ago, attempt=attempt, fence=attempt)


def test_an_import_whose_worker_died_is_tried_once_more(project: Project, editor: User) -> None:
    version = _waiting(project, editor)
    _dead(version, attempt=1)
    assert execution.reap() == [version.pk]
    tasks.import_version(str(version.pk))
    version.refresh_from_db()
    assert (version.state, version.attempt) == (VersionState.READY, 2)


def test_an_import_whose_worker_died_twice_fails_in_words(project: Project, editor: User) -> None:
    version = _waiting(project, editor)
    _dead(version, attempt=2)
    assert execution.reap() == []
    version.refresh_from_db()
    assert (version.state, version.error_code) == (VersionState.FAILED, "import.lost")


def test_a_lost_message_is_sent_again_but_not_behind_a_busy_worker(project: Project, editor: User) -> None:
    first, second = _waiting(project, editor), _waiting(project, editor)
    assert execution.reap() == [first.pk]
    execution._claim(first.pk)
    assert execution.reap() == []
    _dead(first, attempt=1)
    assert execution.reap() == [first.pk]
    assert second.state == VersionState.IMPORTING


def test_a_full_disk_is_said_in_words(project: Project, editor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    version = _waiting(project, editor)
    monkeypatch.setattr(execution, "import_file", full)
    tasks.import_version(str(version.pk))
    version.refresh_from_db()
    assert (version.state, version.error_code) == (VersionState.FAILED, "engine.disk_full")


def test_a_fault_of_ours_fails_the_import_and_is_raised(
    project: Project, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    version = _waiting(project, editor)
    monkeypatch.setattr(execution, "import_file", broken)
    with pytest.raises(ZeroDivisionError):
        tasks.import_version(str(version.pk))
    version.refresh_from_db()
    assert (version.state, version.error_code) == (VersionState.FAILED, "import.crashed")


def test_an_empty_file_is_refused_before_anything_is_made(project: Project, editor: User) -> None:
    with pytest.raises(StudioError) as refused:
        services.upload(project=project, name="", task="qa", file=upload_of(b""), by=editor)
    assert refused.value.code == "data.empty_file"
    assert not Dataset.objects.exists()


@pytest.mark.parametrize("on_disk", [True, False])
def test_a_file_above_the_limit_is_refused_and_leaves_nothing(
    project: Project, editor: User, settings: pytest.FixtureRequest, on_disk: bool
) -> None:
    settings.MAX_UPLOAD_BYTES = 100  # type: ignore[attr-defined]  # pytest-django's settings take any name
    file = _on_disk(b"x" * 101) if on_disk else upload_of(b"x" * 101)
    with pytest.raises(StudioError) as refused:
        services.upload(project=project, name="", task="qa", file=file, by=editor)
    assert refused.value.status == 413
    root = Path(settings.FILES_ROOT)  # type: ignore[attr-defined]  # as above
    assert not [path for path in root.rglob("*") if path.is_file()]


def _on_disk(content: bytes) -> TemporaryUploadedFile:
    file = TemporaryUploadedFile("big.tsv", "text/plain", len(content), None)
    file.write(content)
    file.seek(0)
    return file


def test_an_upload_on_disk_is_moved_not_copied(project: Project, editor: User) -> None:
    file = _on_disk(REVIEWS.encode())
    version = services.upload(project=project, name="", task="classification", file=file, by=editor)
    assert version.source.read_text() == REVIEWS
    assert not Path(file.temporary_file_path()).exists()
    file.close()
    assert (version.state, version.source_bytes) == (VersionState.DRAFT, len(REVIEWS))


@pytest.mark.parametrize(
    ("sent", "kept"), [("../../etc/passwd", "passwd"), ("C:\\data\\a.tsv", "a.tsv"), ("a\x07b\u202e.tsv", "a_b_.tsv")]
)
def test_a_file_name_is_only_a_name(project: Project, editor: User, sent: str, kept: str) -> None:
    file = upload_of(REVIEWS)
    file._name = sent
    version = services.upload(project=project, name="", task="classification", file=file, by=editor)
    assert version.source_name == kept
    assert version.source.name == "source"


def test_a_new_version_takes_the_next_number_and_the_earlier_mapping(version: DatasetVersion, editor: User) -> None:
    odd = {**version.options, "columns": {"text": "label", "label": "text"}}
    DatasetVersion.objects.filter(pk=version.pk).update(options=odd)
    second = services.new_version(dataset=version.dataset, file=upload_of(REVIEWS), by=editor)
    assert (second.number, second.state) == (2, VersionState.DRAFT)
    assert second.import_options.columns == {"text": "label", "label": "text"}


def test_a_new_version_with_other_columns_is_guessed_anew(version: DatasetVersion, editor: User) -> None:
    other = REVIEWS.replace("text\tlabel", "sentence\tcategory")
    second = services.new_version(dataset=version.dataset, file=upload_of(other), by=editor)
    assert second.import_options.columns is None


def test_a_sample_is_one_call(project: Project, editor: User) -> None:
    version = services.add_sample(project=project, sample_id="sms-spam", by=editor)
    tasks.import_version(str(version.pk))
    version.refresh_from_db()
    assert (version.state, version.rows) == (VersionState.READY, SAMPLES["sms-spam"].rows)
    assert version.dataset.name == SAMPLES["sms-spam"].name


def test_deeds_are_written_down(version: DatasetVersion, editor: User) -> None:
    services.rename(dataset=version.dataset, name="Other", by=editor)
    services.delete(dataset=version.dataset, by=editor)
    deeds = list(AuditEntry.objects.filter(user=editor).order_by("pk").values_list("action", flat=True))
    assert deeds == ["dataset.created", "dataset.import_started", "dataset.renamed", "dataset.deleted"]


def test_a_data_set_in_training_is_not_deleted(version: DatasetVersion, editor: User) -> None:
    run = version.runs.create(
        project=version.dataset.project, name="first try", base_model="x", spec={}, queued_at=execution.clock.now()
    )
    with pytest.raises(StudioError, match="first try"):
        services.delete(dataset=version.dataset, by=editor)
    run.delete()
    services.delete(dataset=version.dataset, by=editor)
    assert not Dataset.objects.visible_to(editor).exists()
