"""Publishing a model version happens once and survives a kill at any point."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.engine import manifest
from nlpstudio.engine.errors import DamagedArtifact
from nlpstudio.registry import services
from nlpstudio.registry.models import Model, ModelVersion
from tests.published import Publish

Outcome = Callable[[], Path]


def test_a_version_has_its_files_and_says_what_is_in_them(publish: Publish) -> None:
    version = publish()
    told = manifest.verify(version.artifact)
    assert version.labels == ["negative", "positive"]
    assert version.weights_sha256 == told["files"]["model.safetensors"]["sha256"]
    assert (version.number, version.metrics_split) == (1, "test")
    assert 0 < version.metrics["macro_f1"] <= 1
    assert version.size_bytes > 10_000
    assert version.examples and set(version.examples[0]) == {"text"}
    assert (version.folder / "predictions" / "test.parquet").is_file()


def test_publishing_twice_is_once(publish: Publish, outcome: Outcome) -> None:
    version_id, folder = uuid.uuid4(), outcome()
    first = publish(version_id=version_id, folder=folder)
    again = publish(version_id=version_id, folder=folder)
    assert first == again
    assert ModelVersion.objects.count() == 1
    assert AuditEntry.objects.filter(action="model.published").count() == 1


def test_a_kill_between_the_files_and_the_row_is_mended_by_the_same_call(publish: Publish, outcome: Outcome) -> None:
    version_id, folder = uuid.uuid4(), outcome()
    home = services._move_in(folder, ModelVersion(pk=version_id).folder)
    assert not folder.exists() and home.is_dir()
    version = publish(version_id=version_id, folder=folder)
    assert version.number == 1
    manifest.verify(version.artifact)


def test_the_next_version_of_the_same_name_has_the_next_number(publish: Publish) -> None:
    numbers = [(publish(model_name=name).model.name, publish(model_name=name).number) for name in ("A", "B")]
    assert numbers == [("A", 2), ("B", 2)]
    assert Model.objects.count() == 2


def test_a_changed_file_is_refused_and_nothing_is_registered(publish: Publish, outcome: Outcome) -> None:
    folder = outcome()
    with (folder / "model" / "config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(DamagedArtifact, match=r"config\.json"):
        publish(folder=folder)
    assert not ModelVersion.objects.exists()
    assert folder.is_dir()


def test_files_can_be_read_by_other_users_of_the_machine(publish: Publish, outcome: Outcome) -> None:
    folder = outcome()
    (folder / "model" / "model.safetensors").chmod(0o600)
    folder.chmod(0o700)
    version = publish(folder=folder)
    assert (version.artifact / "model.safetensors").stat().st_mode & 0o777 == 0o644
    assert version.folder.stat().st_mode & 0o777 == 0o755


def test_a_name_that_is_taken_is_refused(publish: Publish, editor: User) -> None:
    publish(model_name="Taken")
    version = publish(model_name="Mine")
    with pytest.raises(services.NameTaken):
        services.rename(model=version.model, name="Taken", by=editor)
    services.rename(model=version.model, name="Free", by=editor)
    assert Model.objects.filter(name="Free").exists()


def test_a_deleted_model_gives_its_name_back(publish: Publish, editor: User) -> None:
    version = publish()
    services.delete(model=version.model, by=editor)
    services.delete(model=version.model, by=editor)
    assert AuditEntry.objects.filter(action="model.deleted").count() == 1
    assert not ModelVersion.objects.visible_to(editor).exists()
    assert publish().number == 1
