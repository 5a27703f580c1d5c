"""Runs with the real engine: a real process, a real (tiny) model, a real artifact."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.runs import execution, leases, services, wiring
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State
from tests.tiny import write_sentiment_tsv

pytestmark = pytest.mark.slow


@pytest.fixture
def real_version(dataset_version: DatasetVersion, tmp_path: Path) -> DatasetVersion:
    """The version with rows on disk behind it."""
    source = write_sentiment_tsv(tmp_path / "reviews.tsv", 64)
    dataset_version.folder.parent.mkdir(parents=True)
    info = import_file(source, dataset_version.folder, ImportOptions(task="classification")).info
    DatasetVersion.objects.filter(pk=dataset_version.pk).update(
        labels=info.labels, splits=info.splits, rows=info.rows, statistics=info.statistics
    )
    dataset_version.refresh_from_db()
    return dataset_version


@pytest.fixture
def real_run(project: Project, real_version: DatasetVersion, editor: User) -> Run:
    params = TrainParams(epochs=2, max_length=32, learning_rate=1e-3, threads=1)
    spec = TrainSpec(task="classification", base_model="tiny", params=params)
    return services.start(project=project, dataset_version=real_version, spec=spec, by=editor)


def drive(**options: object) -> Run:
    claimed = leases.claim("worker")
    assert claimed is not None
    execution.drive(claimed, start=wiring.start_training, **options)  # type: ignore[arg-type]  # passed through
    claimed.refresh_from_db()
    return claimed


def test_a_run_ends_in_a_model_that_transformers_loads(real_run: Run) -> None:
    done = drive()
    log = (done.folder / "log.txt").read_text()
    assert done.state == State.FINISHED, (done.error_message, log)
    assert done.model_version is not None
    kinds = set(done.events.values_list("kind", flat=True))
    assert {"prepared", "step", "evaluated", "saved", "finished"} <= kinds
    assert {"accuracy", "macro_f1"} <= set(done.best)
    assert done.environment["threads"] == 1
    folder = done.model_version.artifact
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    assert set(model.config.id2label.values()) == {"positive", "negative"}
    AutoTokenizer.from_pretrained(folder)


def test_the_spare_process_takes_the_run_and_ends_it_the_same(real_run: Run, editor: User) -> None:
    spec = TrainSpec.from_json({**real_run.spec, "params": {**real_run.spec["params"], "threads": 0}})
    version = real_run.dataset_version
    services.cancel(run=real_run, by=editor)
    for _ in range(2):
        services.start(project=real_run.project, dataset_version=version, spec=spec, by=editor)
    wiring.SPARE.drop()
    cold = drive()
    wiring.SPARE.prepare()
    assert wiring.SPARE._process is not None
    spare = wiring.SPARE._process.pid
    warm = drive()
    assert wiring.SPARE._process is None
    assert not Path(f"/proc/{spare}").exists()
    assert (cold.state, warm.state) == (State.FINISHED, State.FINISHED)
    assert warm.weights_sha256 == cold.weights_sha256


def test_a_run_given_back_in_mid_training_ends_with_the_same_weights(
    real_run: Run, project: Project, editor: User
) -> None:
    whole = drive()
    services.start(
        project=project, dataset_version=real_run.dataset_version, spec=real_run.train_spec, by=editor, name="Other"
    )
    left: list[bool] = []

    def leave_once_something_is_saved() -> bool:
        saved = Run.objects.get(name="Other").events.filter(kind="saved").exists()
        if saved and not left:
            left.append(True)
            return True
        return False

    first = drive(should_leave=leave_once_something_is_saved)
    if first.state == State.QUEUED:
        first = drive()
    assert first.state == State.FINISHED
    assert first.weights_sha256 == whole.weights_sha256
