"""What lies on the disk is measured by a worker and shown by project, team and in all; quotas refuse in words."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token
from nlpstudio.core import removing
from nlpstudio.core.files import folder_of, size_of
from nlpstudio.core.models import Doomed
from nlpstudio.datasets import services as datasets
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.demos import batches
from nlpstudio.engine import shelf
from nlpstudio.operations import measuring, storage, trash
from nlpstudio.operations.models import Measurement, Stored
from nlpstudio.projects.models import Project, Role, TeamMembership
from nlpstudio.quotas.models import Quota
from nlpstudio.quotas.services import GB, NoRoom
from nlpstudio.registry import services as registry
from nlpstudio.registry.models import Model, ModelVersion
from nlpstudio.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def measured(finished: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """An installation with something of each kind, measured."""
    base_models = tmp_path / "base-models"
    (base_models / "tiny").mkdir(parents=True)
    (base_models / "tiny" / "weights").write_bytes(b"x" * 1000)
    monkeypatch.setattr(shelf, "home", lambda: base_models)
    checkpoint = finished.folder / "checkpoints" / "step-1"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"x" * 12_345)
    measuring.execute()
    return finished


def by_kind(project: Project, *, in_trash: bool = False) -> dict[str, int]:
    rows = Stored.objects.filter(project=project, in_trash=in_trash)
    return dict(rows.values_list("kind", "bytes"))


def test_what_is_measured_is_what_lies_there(measured: Run, project: Project) -> None:
    version, data = measured.model_version, measured.dataset_version
    assert version is not None
    assert by_kind(project) == {
        "runs": 12_345 + len("ready\n"),
        "models": size_of(version.folder),
        "datasets": size_of(data.folder),
        **({"uploads": size_of(data.source.parent)} if data.source.parent.exists() else {}),
    }
    assert dict(Stored.objects.filter(project=None).values_list("kind", "bytes"))["base-models"] == 1000


def test_what_is_deleted_is_counted_as_trash_and_a_deleted_project_as_a_whole(
    measured: Run, project: Project, owner: User
) -> None:
    version = measured.model_version
    assert version is not None
    registry.delete(model=version.model, by=owner)
    measuring.execute()
    assert by_kind(project, in_trash=True) == {"models": size_of(version.folder)}
    Project.objects.update(deleted_at=timezone.now())
    measuring.execute()
    assert not by_kind(project) and len(by_kind(project, in_trash=True)) >= 3


def test_a_folder_that_no_row_speaks_of_is_nobodys(measured: Run) -> None:
    left = folder_of("models", measured.pk)
    left.mkdir()
    (left / "x").write_bytes(b"x" * 77)
    measuring.execute()
    assert Stored.objects.get(kind="unclaimed").bytes == 77


def test_the_pages_say_it_without_touching_the_disk(
    client: Client, measured: Run, project: Project, owner: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    TeamMembership.objects.create(team=project.team, user=owner, role=Role.OWNER)

    def refuse(*_args: Any, **_options: Any) -> Any:
        raise AssertionError("a page must not read folders")

    client.force_login(owner)
    client.get(reverse("home"))  # what is imported late has been
    for name in ("scandir", "listdir", "walk"):
        monkeypatch.setattr(os, name, refuse)
    page = client.get(reverse("operations:storage", args=[project.pk])).content.decode()
    assert "12.4 kB" in page and "Runs and checkpoints" in page
    page = client.get(reverse("operations:team_storage", args=[project.team_id])).content.decode()
    assert "Reviews" in page
    client.force_login(admin)
    page = client.get(reverse("operations:all_storage")).content.decode()
    assert "Readers" in page and "1 kB" in page and "Reviews" not in page


def test_a_page_asks_for_a_new_measure_when_the_last_is_old_and_only_once(
    client: Client, measured: Run, project: Project, owner: User, django_assert_num_queries: Any
) -> None:
    assert not storage.measurement().is_under_way  # it is fresh
    Measurement.objects.update(measured_at=timezone.now() - 2 * storage.FRESH)
    assert storage.measurement().is_under_way
    with django_assert_num_queries(1):
        assert storage.measurement().is_under_way
    long_ago = timezone.now() - storage.PATIENCE - timedelta(seconds=1)
    Measurement.objects.update(asked_at=long_ago)  # its message was lost
    storage.measurement()
    assert Measurement.objects.get().asked_at > long_ago  # type: ignore[operator]  # it is asked
    measuring.execute()
    assert not storage.measurement().is_under_way


def test_the_project_page_asks_the_database_a_fixed_number_of_times(
    client: Client, measured: Run, project: Project, owner: User, django_assert_max_num_queries: Any
) -> None:
    client.force_login(owner)
    client.get(reverse("operations:storage", args=[project.pk]))
    for n in range(5):
        Stored.objects.create(project=project, kind="runs", bytes=n, files=1)
    with django_assert_max_num_queries(16):
        client.get(reverse("operations:storage", args=[project.pk]))


@pytest.fixture
def tight(project: Project) -> Quota:
    """The team may store a kilobyte more than it does."""
    from nlpstudio.quotas.services import stored_bytes

    return Quota.objects.create(group=project.team_id, storage_gb=(stored_bytes([project.pk]) + 1000) / GB)


def upload(size: int) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.tsv", b"good\tx\n" * (size // 7))


def test_an_upload_above_the_teams_storage_is_refused_in_words_and_leaves_nothing(
    client: Client, finished: Run, project: Project, editor: User, tight: Quota
) -> None:
    uploads = folder_of("uploads", project.pk).parent
    before = set(uploads.iterdir()) if uploads.exists() else set()
    client.force_login(editor)
    form = {"name": "Big", "task": "classification", "file": upload(5000)}
    answer = client.post(reverse("datasets:create", args=[project.pk]), form)
    assert answer.status_code == 422
    assert "There is no room for this file: it needs about 10 kB" in answer.content.decode()
    assert not Dataset.objects.filter(name="Big").exists()
    token = {"headers": {"Authorization": f"Bearer {create_token(editor, 't')[1]}"}}
    answer = client.post(f"/api/v1/projects/{project.pk}/datasets", {**form, "file": upload(5000)}, **token)
    assert answer.status_code == 409 and answer.json()["error"]["code"] == "quota.storage"
    assert (set(uploads.iterdir()) if uploads.exists() else set()) == before
    datasets.upload(project=project, name="Small", task="classification", file=upload(400), by=editor)
    with pytest.raises(NoRoom):  # the first has taken the room
        datasets.upload(project=project, name="Small", task="classification", file=upload(400), by=editor)


def test_two_uploads_that_fit_one_by_one_do_not_both_get_in(
    finished: Run, project: Project, editor: User, tight: Quota, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is stored while the file of this one travels, after the first question."""
    store = datasets.store

    def and_meanwhile(file: Any, target: Path) -> int:
        data = Dataset.objects.create(project=project, name="Other", task="classification")
        DatasetVersion.objects.create(dataset=data, number=1, source_name="o", source_bytes=900)
        return store(file, target)

    monkeypatch.setattr(datasets, "store", and_meanwhile)
    with pytest.raises(NoRoom):
        datasets.upload(project=project, name="Mine", task="classification", file=upload(400), by=editor)
    assert not Dataset.objects.filter(name="Mine").exists()


def test_a_file_to_predict_counts_too(version: ModelVersion, editor: User, tight: Quota) -> None:
    with pytest.raises(NoRoom):
        batches.upload(version=version, file=upload(5000), by=editor)
    batches.upload(version=version, file=upload(350), by=editor)
    with pytest.raises(NoRoom):
        batches.upload(version=version, file=upload(350), by=editor)


def thrown_away(version: ModelVersion, owner: User) -> Model:
    registry.delete(model=version.model, by=owner)
    return Model.objects.get(pk=version.model_id)


def test_a_purge_that_died_before_it_removed_anything_is_finished_by_the_sweep(
    version: ModelVersion, owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as left_undone:
        trash.purge(thing=thrown_away(version, owner), by=owner)
    assert left_undone and version.folder.exists() and not ModelVersion.objects.exists()
    trash.sweep()
    assert not version.folder.exists() and not Doomed.objects.exists()


def test_a_purge_that_was_killed_among_the_files_is_finished_by_the_sweep(
    version: ModelVersion, owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    files = sum(path.is_file() for path in version.folder.rglob("*"))
    with django_capture_on_commit_callbacks() as callbacks:
        trash.purge(thing=thrown_away(version, owner), by=owner)
    remove: Callable[[], None] = callbacks[-1]
    child = os.fork()
    if child == 0:
        unlink, done = os.unlink, []

        def unlink_two_then_die(*args: Any, **options: Any) -> None:
            unlink(*args, **options)
            done.append(1)
            if len(done) == 2:
                os.kill(os.getpid(), signal.SIGKILL)

        os.unlink = unlink_two_then_die  # type: ignore[assignment]  # in the child only
        remove()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert sum(path.is_file() for path in version.folder.rglob("*")) == files - 2
    assert Doomed.objects.exists()
    removing.sweep()
    assert not version.folder.exists() and not Doomed.objects.exists()


def test_a_folder_that_cannot_be_removed_stays_on_the_list(
    version: ModelVersion, owner: User, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken, django_capture_on_commit_callbacks(execute=True):
        broken.setattr(shutil, "rmtree", lambda *_args, **_options: None)
        trash.purge(thing=thrown_away(version, owner), by=owner)
    assert Doomed.objects.get().path == f"models/{version.pk}"
    assert removing.sweep() == 1 and not version.folder.exists()


def test_a_purge_asks_for_a_new_measure(client: Client, version: ModelVersion, project: Project, owner: User) -> None:
    thrown_away(version, owner)
    client.force_login(owner)
    client.post(reverse("operations:purge", args=[project.pk, "model", version.model_id]))
    assert Measurement.objects.get().is_under_way


def test_the_doctor_finds_what_a_death_before_the_list_would_leave(
    version: ModelVersion, settings: LazySettings
) -> None:
    """Files that were stored, whose row was never committed."""
    from nlpstudio.operations.doctor import examine

    orphan = folder_of("uploads", version.pk)
    orphan.mkdir(parents=True)
    os.utime(orphan, (timezone.now().timestamp() - 3600,) * 2)
    found = examine(only=["files.referenced"]).findings
    assert f"uploads/{version.pk}" in [finding.subject for finding in found]
