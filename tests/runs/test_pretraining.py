"""From a corpus and a tokenizer to a language model on the project's shelf, and from that to a classifier."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from transformers import BertForPreTraining

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.environment import usable_cpus
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.projects.models import Project
from nlpstudio.registry import project_shelf
from nlpstudio.registry.models import Tokenizer
from nlpstudio.runs import estimating, execution, leases, readiness, services, showing, suggesting, wiring
from nlpstudio.runs.forms import RunForm, first_values, with_suggestions
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State
from tests.corpora import corpus, corpus_folder, tokenizer_of
from tests.published import own_files
from tests.tiny import write_sentiment_tsv

__all__ = ["corpus", "corpus_folder", "own_files", "tokenizer_of"]

PARAMS = TrainParams(
    architecture="custom", layers=1, hidden_size=32, heads=2, epochs=2, max_length=48, learning_rate=3e-3, eval_steps=2,
    threads=1, batch_size=16, early_stopping=0,
)  # fmt: skip


@pytest.fixture
def tokenizer(tokenizer_of: Callable[[DatasetVersion], Tokenizer], corpus: DatasetVersion) -> Tokenizer:
    return tokenizer_of(corpus)


def spec_of(tokenizer: Tokenizer, **params: object) -> TrainSpec:
    changed = TrainParams.from_json({**PARAMS.to_json(), **params})
    return TrainSpec(task="pretraining", base_model=f"{project_shelf.TOKENIZER}{tokenizer.pk}", params=changed)


def drive(spec: TrainSpec, version: DatasetVersion, by: User) -> Run:
    services.start(project=version.dataset.project, dataset_version=version, spec=spec, by=by)
    claimed = leases.claim("worker")
    assert claimed is not None
    execution.drive(claimed, start=wiring.start_training)
    claimed.refresh_from_db()
    assert claimed.state == State.FINISHED, (claimed.error_message, (claimed.folder / "log.txt").read_text()[-2000:])
    return claimed


def test_as_many_epochs_are_suggested_as_it_takes_to_learn(corpus: DatasetVersion) -> None:
    paced = suggesting.pace(corpus)
    assert paced["epochs"] == suggesting.MOST_FRESH_EPOCHS  # a corpus so small is never learnt
    assert paced["eval_steps"] == 0  # each of so many epochs has an evaluation
    corpus.statistics["corpus"]["characters"] *= 3_000
    paced = replace(TrainParams(), **suggesting.pace(corpus))
    assert 3 < paced.epochs < suggesting.MOST_FRESH_EPOCHS
    assert suggesting.fresh_rate(128) == 2e-3 and suggesting.fresh_rate(512) == 5e-4
    assert round(suggesting.steps(corpus, paced) / paced.eval_steps) >= suggesting.EVALUATIONS
    assert suggesting.FRESH_STEPS <= suggesting.steps(corpus, paced) < 1.5 * suggesting.FRESH_STEPS


def test_what_the_project_pre_trained_is_offered_but_not_suggested() -> None:
    shelf = replace(project_shelf.FROM_SCRATCH, id="shelf", tasks=("classification",))
    own = replace(shelf, id=f"{project_shelf.MODEL}1")
    assert suggesting.base_model([own, shelf], None, {own.id, shelf.id}) == shelf
    assert suggesting.base_model([own], None, {own.id}) == own


def test_its_rate_follows_its_size_while_the_shelf_keeps_its_own(corpus: DatasetVersion) -> None:
    shelf = replace(project_shelf.FROM_SCRATCH, id="shelf", family="bert", parameters=17_000_000)
    own = replace(shelf, id=f"{project_shelf.MODEL}1")
    rates = [suggesting.learning_rate(replace(own, parameters=count)) for count in (1_500_000, 17_000_000, 90_000_000)]
    assert rates == [1e-3, 5e-4, TrainParams().learning_rate]
    assert suggesting.learning_rate(shelf) == suggesting.SMALL_RATE
    assert suggesting.learning_rate(own, corpus) == TrainParams().learning_rate  # it is pre-trained further


def test_a_setting_that_somebody_puts_back_to_the_default_stays_there(
    project: Project, tokenizer: Tokenizer, corpus: DatasetVersion
) -> None:
    base = f"{project_shelf.TOKENIZER}{tokenizer.pk}"
    shown = first_values(project, {"dataset_version": str(corpus.pk), "base_model": base})
    assert shown["epochs"] == shown["suggested_epochs"] == suggesting.MOST_FRESH_EPOCHS
    form = RunForm(project=project)
    again = with_suggestions(form, {**shown, "epochs": str(TrainParams().epochs)}, corpus)
    assert int(again["epochs"]) == TrainParams().epochs
    untouched = with_suggestions(form, {**shown, "suggested_epochs": "7", "epochs": "7"}, corpus)
    assert untouched["epochs"] == suggesting.MOST_FRESH_EPOCHS


@pytest.mark.slow
def test_a_model_is_pre_trained_seen_learning_and_fine_tuned(
    client: Client, tokenizer: Tokenizer, corpus: DatasetVersion, project: Project, editor: User, tmp_path: Path
) -> None:
    run = drive(spec_of(tokenizer), corpus, editor)
    assert {"perplexity", "accuracy", "majority_accuracy", "pair_accuracy"} <= set(run.best)
    samples = showing.samples_of(run)
    assert samples and samples[0]["said"][0]["step"] >= samples[0]["said"][-1]["step"]
    client.force_login(editor)
    page = client.get(reverse("runs:detail", args=[run.pk])).content.decode()
    assert "What it says of fixed texts" in page and "Perplexity" in page
    made = run.model_version
    assert made is not None
    _model, report = BertForPreTraining.from_pretrained(made.artifact, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    card = client.get(reverse("registry:version", args=[made.pk])).content.decode()
    assert "Always the commonest token" in card and "Predict a file" not in card
    assert client.get(reverse("registry:mistakes", args=[made.pk])).status_code == 200

    dataset = Dataset.objects.create(project=project, name="Reviews", task="classification", created_by=editor)
    reviews = DatasetVersion.objects.create(dataset=dataset, number=1, state=VersionState.READY, source_name="r.tsv")
    info = import_file(
        write_sentiment_tsv(tmp_path / "r.tsv", 40), reviews.folder, ImportOptions(task="classification")
    ).info
    DatasetVersion.objects.filter(pk=reviews.pk).update(
        labels=info.labels, splits=info.splits, rows=info.rows, statistics=info.statistics
    )
    reviews.refresh_from_db()
    base = f"{project_shelf.MODEL}{made.pk}"
    assert base in {entry.id for entry, _here in RunForm(first_values(project, {}), project=project).cards}
    fine = TrainSpec(task="classification", base_model=base, params=TrainParams(epochs=1, max_length=32, threads=1))
    assert drive(fine, reviews, editor).model_version is not None


def test_what_does_not_suit_is_said_before_it_starts(tokenizer: Tokenizer, corpus: DatasetVersion) -> None:
    odd = readiness.reasons(version=corpus, spec=spec_of(tokenizer, heads=5))
    assert "run.odd_heads" in {reason.code for reason in odd}
    shelf = TrainSpec(task="pretraining", base_model="all-minilm-l6-v2", params=TrainParams(objective="clm"))
    assert "run.objective_unsuitable" in {reason.code for reason in readiness.reasons(version=corpus, spec=shelf)}


def test_the_form_shows_the_cost_of_each_architecture(
    client: Client, tokenizer: Tokenizer, corpus: DatasetVersion, project: Project, editor: User
) -> None:
    client.force_login(editor)
    base = f"{project_shelf.TOKENIZER}{tokenizer.pk}"
    url = reverse("runs:create", args=[project.pk])
    page = client.get(url, {"dataset_version": str(corpus.pk), "base_model": base}).content.decode()
    for words in ("Objective", "Architecture", "random weights", "Time here, about", "Pieces"):
        assert words in page
    entry = project_shelf.find(base, project)
    costs = dict(estimating.presets(corpus, entry, TrainParams()))
    assert costs["tiny"].parameters < costs["mini"].parameters < costs["small"].parameters < costs["base"].parameters
    assert costs["tiny"].seconds < costs["base"].seconds
    assert costs["base"].parameters == pytest.approx(86e6, rel=0.03)


ONE_THREAD = """
import time, numpy
one = numpy.ones((256, 256), dtype=numpy.float32)
began, count = time.process_time(), 0
while time.process_time() - began < 0.2:
    one @ one
    count += 1
print(2 * 256**3 * count / (time.process_time() - began))
"""


@pytest.mark.django_db
def test_the_speed_of_the_machine_is_told_while_others_work() -> None:
    command = [sys.executable, "-c", ONE_THREAD]
    alone = subprocess.run(command, env={"OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True, check=True)
    cache.delete("runs.matrix_speed")
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _each in range(2 * usable_cpus())]
    try:
        assert estimating.matrix_speed() > 0.4 * float(alone.stdout) * usable_cpus()
    finally:
        cache.delete("runs.matrix_speed")
        for other in others:
            other.kill()
            other.wait()
