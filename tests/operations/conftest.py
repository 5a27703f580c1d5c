"""An installation with something of everything in it: people, data, a trained model, runs that ended."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from nlpstudio.accounts import audit
from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Project
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs.models import Run, RunEvent
from tests.published import dataset_version, outcome, own_files, publish, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "trained", "version"]


@pytest.fixture
def finished(version: ModelVersion, project: Project, editor: User) -> Run:
    """A finished run with its event, its log and its model."""
    run = Run.objects.create(
        project=project, name="Zimmer é 房间", dataset_version=version.dataset_version, base_model="tiny", spec=version.spec,
        state="finished", model_version=version, weights_sha256=version.weights_sha256, queued_at=timezone.now(),
        ended_at=timezone.now(), created_by=editor, last_seq=1, attempt=1,
    )  # fmt: skip
    RunEvent.objects.create(run=run, seq=1, at=timezone.now(), kind="finished", payload={"kind": "finished"})
    audit.record(None, "run.finished", run, project_id=project.pk)
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_text("ready\n", encoding="utf-8")
    return run


@pytest.fixture
def tampered(tmp_path: Path) -> Callable[..., Path]:
    """Writes a copy of a backup in which one member's bytes went through `change`."""

    def make(source: Path, name: str, change: Callable[[bytes], bytes | None]) -> Path:
        target = tmp_path / "tampered.backup"
        with tarfile.open(source) as old, tarfile.open(target, "w") as new:
            for info in old.getmembers():
                stream = old.extractfile(info)
                assert stream is not None
                data: bytes | None = stream.read()
                if name in info.name:
                    data = change(data or b"")
                if data is not None:
                    info.size = len(data)
                    new.addfile(info, io.BytesIO(data))
        return target

    return make


def members(path: Path) -> dict[str, str]:
    """The sha256 of every member of a backup, by name; of tables, the one that no engine changes."""
    with tarfile.open(path) as tar:
        stream = tar.extractfile("backup.json")
        assert stream is not None
        return {member["name"]: member["content"] or member["sha256"] for member in json.load(stream)["members"]}
