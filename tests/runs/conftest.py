"""Ready data, a base model that is here, runs, and trainers that behave as they are told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.runs import execution, leases
from nlpstudio.runs.execution import Start
from nlpstudio.runs.models import Run
from tests.tiny import tiny_base_model

TRAINER = Path(__file__).with_name("trainer.py")


@pytest.fixture(scope="session")
def base_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one base model in it, called "tiny"."""
    folder = tmp_path_factory.mktemp("base-models")
    tiny_base_model(folder / "tiny")
    return folder


@pytest.fixture(autouse=True)
def studio(base_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    """A studio of one's own: files in a fresh folder, one base model on the machine."""
    monkeypatch.setenv("STUDIO_BASE_MODELS", str(base_models))
    settings.FILES_ROOT = tmp_path / "files"  # type: ignore[attr-defined]  # pytest-django's wrapper


@pytest.fixture
def dataset_version(project: Project, editor: User) -> DatasetVersion:
    dataset = Dataset.objects.create(project=project, name="Reviews", task="classification", created_by=editor)
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        state=VersionState.READY,
        source_name="reviews.tsv",
        rows=10,
        labels=["bad", "good"],
        splits={"train": 8, "validation": 1, "test": 1},
        fingerprint="f" * 64,
        created_by=editor,
    )


@pytest.fixture
def spec() -> TrainSpec:
    return TrainSpec(task="classification", base_model="tiny")


@pytest.fixture
def make_run(project: Project, dataset_version: DatasetVersion, spec: TrainSpec, editor: User) -> Callable[..., Run]:
    def make(**fields: object) -> Run:
        values: dict[str, object] = {
            "project": project,
            "name": "Reviews",
            "dataset_version": dataset_version,
            "base_model": spec.base_model,
            "spec": spec.to_json(),
            "created_by": editor,
            "queued_at": timezone.now(),
        }
        return Run.objects.create(**{**values, **fields})

    return make


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    """A run that waits in the queue."""
    return make_run()


def trainer(behaviour: str, started: list[subprocess.Popen[bytes]] | None = None) -> Start:
    """A real process of `trainer.py` that behaves so; each is added to `started`."""

    def start(job: Job, folder: Path) -> subprocess.Popen[bytes]:
        path = folder / "job.json"
        job.write(path)
        flood = os.environ.get("FLOOD_MIB", "100")
        process = subprocess.Popen(
            [sys.executable, str(TRAINER), behaviour, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(django_settings.ROOT), "PYTHONUNBUFFERED": "1", "FLOOD_MIB": flood},
            cwd=folder,
            start_new_session=True,
        )
        if started is not None:
            started.append(process)
        return process

    return start


def work(behaviour: str, **options: object) -> Run:
    """Claim the next run, drive it with such a trainer, and return it as it then stands."""
    run = leases.claim("a worker")
    assert run is not None
    execution.drive(run, start=trainer(behaviour), **options)  # type: ignore[arg-type]  # passed through
    run.refresh_from_db()
    return run
