"""A really trained tiny model and its data on disk, and a model version published from them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions, SplitOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.inference.server import ServeApp
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.training import session
from nlpstudio.projects.models import Project
from nlpstudio.registry import services
from nlpstudio.registry.models import ModelVersion
from tests.live import serving
from tests.tiny import tiny_base_model, write_sentiment_tsv

SPEC = TrainSpec(
    task="classification",
    base_model="tiny",
    params=TrainParams(epochs=1, batch_size=32, max_length=32, learning_rate=1e-4, threads=1),
)
"""Hardly trained: it makes mistakes to look at."""


@dataclass(frozen=True)
class Trained:
    """What a run leaves: `out` holds `model/` and `predictions/`, `dataset` the rows."""

    out: Path
    dataset: Path


Publish = Callable[..., ModelVersion]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained")
    base_model = tiny_base_model(folder / "base")
    split = SplitOptions(train=0.4, validation=0.2, test=0.4)
    source = write_sentiment_tsv(folder / "reviews.tsv", 160)
    import_file(source, folder / "dataset", ImportOptions(task="classification", split=split))
    job = Job(
        spec=SPEC,
        dataset=folder / "dataset",
        base_model=base_model,
        work=folder / "work",
        out=folder / "out",
        name="Reviews",
    )
    for _event in session.run(job):
        pass
    return Trained(out=job.out, dataset=job.dataset)


@pytest.fixture
def own_files(settings: object, tmp_path: Path) -> Path:
    """A fresh folder for the files of this test."""
    settings.FILES_ROOT = tmp_path / "files"  # type: ignore[attr-defined]  # pytest-django's settings take any name
    return tmp_path / "files"


@pytest.fixture
def dataset_version(trained: Trained, own_files: Path, project: Project, editor: User) -> DatasetVersion:
    info = DatasetFolder.open(trained.dataset).info
    dataset = Dataset.objects.create(project=project, name="Reviews data", task="classification", created_by=editor)
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        state=VersionState.READY,
        source_name="reviews.tsv",
        rows=info.rows,
        labels=info.labels,
        splits=info.splits,
        fingerprint=info.fingerprint,
        created_by=editor,
    )
    shutil.copytree(trained.dataset, version.folder)
    return version


@pytest.fixture
def outcome(trained: Trained, own_files: Path) -> Callable[[], Path]:
    """Makes a folder as a run has it when it ends, to be published."""

    def make() -> Path:
        folder = own_files / "runs" / str(uuid.uuid4()) / "out"
        shutil.copytree(trained.out, folder)
        return folder

    return make


@pytest.fixture
def publish(outcome: Callable[[], Path], project: Project, dataset_version: DatasetVersion, editor: User) -> Publish:
    """Publishes the trained model: `publish()`, or with another `version_id`, `folder` or `model_name`."""

    def call(
        *, version_id: uuid.UUID | None = None, folder: Path | None = None, model_name: str = "Sentiment"
    ) -> ModelVersion:
        return services.publish(
            version_id=version_id or uuid.uuid4(),
            folder=folder or outcome(),
            project=project,
            model_name=model_name,
            dataset_version=dataset_version,
            spec=SPEC,
            by=editor,
        )

    return call


@pytest.fixture
def version(publish: Publish) -> ModelVersion:
    return publish()


@pytest.fixture
def serve_worker(own_files: Path, settings: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A serve worker on a socket of its own that loads what is published."""
    pool = Pool(own_files / "models", Predictor.load, budget_bytes=1 << 30)
    socket = tmp_path_factory.mktemp("serve") / "s"
    settings.SERVE_SOCKET = socket  # type: ignore[attr-defined]  # pytest-django's settings take any name
    with serving(ServeApp(pool), uds=str(socket)):
        yield pool
    pool.close()
