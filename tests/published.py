"""Really trained tiny models and their data on disk, and model versions published from them."""

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
from nlpstudio.demos import services as demos
from nlpstudio.engine import shelf
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions, SplitOptions
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.inference.embedding import Embedder
from nlpstudio.engine.inference.explaining import Explaining
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.engine.inference.server import Embedding, ServeApp
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import SCRATCH, TrainParams, TrainSpec
from nlpstudio.engine.training import session
from nlpstudio.projects.models import Project
from nlpstudio.registry import services
from nlpstudio.registry.models import ModelVersion
from tests.live import serving
from tests.tiny import sentiment_lines
from tests.tiny_writers import base_model_for


@dataclass(frozen=True)
class Trained:
    """What a run leaves: `out` holds `model/` and `predictions/`, `dataset` the rows."""

    spec: TrainSpec
    out: Path
    dataset: Path


Train = Callable[[str], Trained]
Publish = Callable[..., ModelVersion]


def _sentiment() -> list[tuple[str, ...]]:
    return [("text", "label"), *sentiment_lines(160)]


def _entities() -> list[tuple[str, ...]]:
    people, places = ("anna", "anna lake"), ("paris", "london", "北京")
    lines: list[tuple[str, ...]] = [("tokens", "tags")]
    for number in range(120):
        person, place = people[number % 2].split(), places[number % 3]
        tags = ["B-PER", *["I-PER"] * (len(person) - 1), "O", "O", "B-LOC", "O"]
        lines.append((" ".join([*person, "lives", "in", place, "🙂"]), " ".join(tags)))
    return lines


def _questions() -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = [("context", "question", "answer", "answer_start")]
    for number in range(80):
        place = ("paris", "london", "北京")[number % 3]
        context = f"anna {number} 🙂 lives in {place} and works at a lake."
        lines.append((context, f"where is anna {number}", place if number % 4 else "", ""))
    return lines


def _corpus() -> list[tuple[str, ...]]:
    words = ("good", "bad", "great", "poor", "好", "差")
    return [("text",), *((f"the film {n} was {words[n % 6]} and we love it. 我 喜欢 电影 {n}",) for n in range(60))]


def _pairs() -> list[tuple[str, ...]]:
    words = [("good film", "很好"), ("bad meal", "很差"), ("nice book", "好书"), ("we love it", "我们喜欢")]
    lines: list[tuple[str, ...]] = [("source", "target")]
    return lines + [(f"{source} {number}", target) for number in range(20) for source, target in words]


def _prompts() -> list[tuple[str, ...]]:
    return [("prompt", "response"), *_pairs()[1:]]


DATA: dict[str, Callable[[], list[tuple[str, ...]]]] = {
    "classification": _sentiment,
    "ner": _entities,
    "qa": _questions,
    "pretraining": _corpus,
    "translation": _pairs,
    "summarization": _pairs,
    "generation": _prompts,
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Trains a task's model, once a session: so little that it makes mistakes to look at."""
    done: dict[str, Trained] = {}

    def train(task: str) -> Trained:
        if task not in done:
            done[task] = _train(task, tmp_path_factory.mktemp(f"trained-{task}"))
        return done[task]

    return train


def _train(task: str, folder: Path) -> Trained:
    torch.set_num_threads(1)
    source = folder / "data.tsv"
    source.write_text("".join("\t".join(line) + "\n" for line in DATA[task]()), encoding="utf-8")
    split = SplitOptions(train=0.4, validation=0.2, test=0.4)
    import_file(source, folder / "dataset", ImportOptions(task=task, split=split))
    base_model = SCRATCH if task == "summarization" else "tiny"
    params = TrainParams(epochs=1, batch_size=32, max_length=48, learning_rate=1e-4, threads=1, architecture="tiny")
    job = Job(
        spec=TrainSpec(task=task, base_model=base_model, params=params),
        dataset=folder / "dataset",
        base_model=folder / "work" if base_model == SCRATCH else base_model_for(task, folder),
        work=folder / "work",
        out=folder / "out",
        name="Tiny",
    )
    for _event in session.run(job):
        pass
    return Trained(spec=job.spec, out=job.out, dataset=job.dataset)


@pytest.fixture
def own_files(settings: object, tmp_path: Path) -> Path:
    """A fresh folder for the files of this test."""
    settings.FILES_ROOT = tmp_path / "files"  # type: ignore[attr-defined]  # pytest-django's settings take any name
    return tmp_path / "files"


@pytest.fixture
def dataset_version(trained: Train, own_files: Path, project: Project, editor: User) -> Callable[[str], DatasetVersion]:
    """The version whose rows a task's model was trained on, once a test."""

    def make(task: str) -> DatasetVersion:
        done = DatasetVersion.objects.filter(dataset__task=task).first()
        if done is not None:
            return done
        info = DatasetFolder.open(trained(task).dataset).info
        dataset = Dataset.objects.create(project=project, name="Tiny data", task=task, created_by=editor)
        version = DatasetVersion.objects.create(
            dataset=dataset,
            number=1,
            state=VersionState.READY,
            source_name="data.tsv",
            rows=info.rows,
            labels=info.labels,
            splits=info.splits,
            fingerprint=info.fingerprint,
            created_by=editor,
        )
        shutil.copytree(trained(task).dataset, version.folder)
        return version

    return make


@pytest.fixture
def outcome(trained: Train, own_files: Path) -> Callable[..., Path]:
    """Makes a folder as a run has it when it ends, to be published."""

    def make(task: str = "classification") -> Path:
        folder = own_files / "runs" / str(uuid.uuid4()) / "out"
        shutil.copytree(trained(task).out, folder)
        return folder

    return make


@pytest.fixture
def publish(
    trained: Train,
    outcome: Callable[..., Path],
    project: Project,
    dataset_version: Callable[[str], DatasetVersion],
    editor: User,
) -> Publish:
    """Publishes a trained model: `publish()`, or with another `task`, `version_id`, `folder` or `model_name`."""

    def call(
        task: str = "classification",
        *,
        version_id: uuid.UUID | None = None,
        folder: Path | None = None,
        model_name: str = "Sentiment",
    ) -> ModelVersion:
        return services.publish(
            version_id=version_id or uuid.uuid4(),
            folder=folder or outcome(task),
            project=project,
            model_name=model_name,
            dataset_version=dataset_version(task),
            spec=trained(task).spec,
            by=editor,
        )

    return call


@pytest.fixture
def version(publish: Publish) -> ModelVersion:
    """A published classifier."""
    return publish()


@pytest.fixture
def serve_worker(own_files: Path, settings: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A serve worker on a socket of its own that loads what is published."""
    pool = Pool(own_files / "models", Predictor.load, budget_bytes=1 << 30)
    socket = tmp_path_factory.mktemp("serve") / "s"
    settings.SERVE_SOCKET = socket  # type: ignore[attr-defined]  # pytest-django's settings take any name
    explaining = Pool(own_files / "models", Explaining.load, budget_bytes=0)
    encoders = {
        demos.VERSIONS: Pool(own_files / "models", Embedder.load, budget_bytes=0),
        demos.BASE_MODELS: Pool(shelf.home(), Embedder.load, budget_bytes=0),
    }
    embedding = Embedding(pools=encoders, datasets=own_files / "datasets", cache=own_files.parent / "embeddings")
    with serving(ServeApp(pool, explaining, embedding), uds=str(socket)):
        yield pool
    for each in (pool, explaining, *encoders.values()):
        each.close()
