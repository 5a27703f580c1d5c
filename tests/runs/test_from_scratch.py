"""A run that begins from scratch: offered in the form with what each architecture costs, and driven to a model version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.spec import SCRATCH, TrainParams, TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.registry import project_shelf
from nlpstudio.registry.models import Tokenizer
from nlpstudio.runs import estimating, execution, leases, readiness, services, wiring
from nlpstudio.runs.states import State
from tests.corpora import corpus, corpus_folder, tokenizer_of
from tests.published import DATA, own_files

__all__ = ["corpus", "corpus_folder", "own_files", "tokenizer_of"]


@pytest.fixture
def pairs(own_files: Path, project: Project, editor: User, tmp_path: Path) -> DatasetVersion:
    dataset = Dataset.objects.create(project=project, name="Phrases", task="translation", created_by=editor)
    version = DatasetVersion.objects.create(dataset=dataset, number=1, state=VersionState.READY, source_name="p.tsv")
    source = tmp_path / "p.tsv"
    source.write_text("".join("\t".join(line) + "\n" for line in DATA["translation"]()), encoding="utf-8")
    info = import_file(source, version.folder, ImportOptions(task="translation")).info
    version.rows, version.splits, version.statistics = info.rows, info.splits, info.statistics
    version.save()
    return version


def spec_of(base_model: str = SCRATCH, **params: object) -> TrainSpec:
    few = {"architecture": "custom", "layers": 1, "hidden_size": 32, "heads": 2, "vocabulary": 350, "epochs": 1,
           "max_length": 24, "threads": 1, "batch_size": 32, "learning_rate": 1e-3}  # fmt: skip
    return TrainSpec(task="translation", base_model=base_model, params=TrainParams.from_json({**few, **params}))


def test_the_form_offers_it_first_with_suited_settings_and_costs(
    client: Client, pairs: DatasetVersion, project: Project, editor: User
) -> None:
    client.force_login(editor)
    url = reverse("runs:create", args=[project.pk])
    page = client.get(url, {"dataset_version": str(pairs.pk)}).content.decode()
    assert f'value="{SCRATCH}" checked' in page
    for words in (
        "From scratch",
        "random weights",
        "Architecture",
        "Vocabulary",
        "Time here, about",
        "Label smoothing",
    ):
        assert words in page
    assert 'name="label_smoothing" value="0.1"' in page and 'name="learning_rate" value="0.001"' in page
    assert "Thorough" not in page and "Masking" not in page
    costs = dict(estimating.presets(pairs, project_shelf.FROM_SCRATCH, TrainParams()))
    assert costs["tiny"].seconds < costs["mini"].seconds < costs["base"].seconds
    six = estimating.cost(
        pairs,
        project_shelf.FROM_SCRATCH,
        TrainParams(architecture="custom", layers=6, hidden_size=512, heads=8, vocabulary=37_000),
    )
    assert six.parameters == pytest.approx(65e6, rel=0.06)  # the base model of Vaswani et al. 2017


def test_other_data_has_nothing_of_it(client: Client, dataset_version: DatasetVersion, editor: User) -> None:
    client.force_login(editor)
    project = dataset_version.dataset.project
    wished = {"dataset_version": str(dataset_version.pk)}
    page = client.get(reverse("runs:create", args=[project.pk]), wished).content.decode()
    assert "From scratch" not in page and 'id="id_architecture"' not in page
    reasons = readiness.reasons(
        version=dataset_version, spec=TrainSpec(task="classification", base_model=SCRATCH, params=TrainParams())
    )
    assert "run.base_model_unsuitable" in {reason.code for reason in reasons}


def test_a_tokenizer_of_the_project_will_do_too(
    client: Client,
    tokenizer_of: Callable[[DatasetVersion], Tokenizer],
    corpus: DatasetVersion,
    pairs: DatasetVersion,
    project: Project,
    editor: User,
) -> None:
    base = f"{project_shelf.TOKENIZER}{tokenizer_of(corpus).pk}"
    client.force_login(editor)
    wished = {"dataset_version": str(pairs.pk), "base_model": base}
    page = client.get(reverse("runs:create", args=[project.pk]), wished).content.decode()
    assert 'id="id_architecture"' in page and 'id="id_vocabulary"' not in page
    assert not [reason for reason in readiness.reasons(version=pairs, spec=spec_of(base)) if reason.blocks]
    odd = readiness.reasons(version=pairs, spec=spec_of(base, heads=5))
    assert "run.odd_heads" in {reason.code for reason in odd}


@pytest.mark.slow
def test_a_worker_trains_it_to_a_model_version(
    client: Client, pairs: DatasetVersion, project: Project, editor: User
) -> None:
    services.start(project=project, dataset_version=pairs, spec=spec_of(), by=editor)
    run = leases.claim("worker")
    assert run is not None
    execution.drive(run, start=wiring.start_training)
    run.refresh_from_db()
    assert run.state == State.FINISHED, (run.error_message, (run.folder / "log.txt").read_text()[-2000:])
    assert run.model_version is not None and run.model_version.base_model == SCRATCH
    client.force_login(editor)
    page = client.get(reverse("registry:version", args=[run.model_version.pk])).content.decode()
    assert "BLEU" in page
