"""Tokenizers of a project: ordered, trained in a process of the engine, looked at, tried, taken away."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.core.errors import StudioError
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine import manifest
from nlpstudio.engine.errors import BaseModelMissing
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.projects.models import Project
from nlpstudio.registry import archive, project_shelf, tokenizers
from nlpstudio.registry.models import JobState, Model, ModelVersion, Tokenizer
from tests.corpora import SPEC, corpus, corpus_folder, tokenizer_of
from tests.published import own_files

__all__ = ["corpus", "corpus_folder", "own_files", "tokenizer_of"]

Make = Callable[[DatasetVersion], Tokenizer]


@pytest.fixture
def tokenizer(tokenizer_of: Make, corpus: DatasetVersion) -> Tokenizer:
    return tokenizer_of(corpus)


def test_a_worker_trains_it_once_and_it_stands_on_the_projects_shelf(
    corpus: DatasetVersion, project: Project, editor: User
) -> None:
    ordered = tokenizers.order(project=project, dataset_version=corpus, spec=SPEC, name="", by=editor)
    assert ordered.name == "Corpus wordpiece 400"
    tokenizers.execute(ordered.pk)
    ordered.refresh_from_db()
    assert ordered.state == JobState.FINISHED, ordered.error_message
    assert manifest.verify(ordered.folder)["spec"]["vocabulary"] == SPEC.vocabulary
    assert ordered.judgements[""]["vocabulary"] <= 400
    before = ordered.fence
    tokenizers.execute(ordered.pk)
    ordered.refresh_from_db()
    assert ordered.fence == before
    entry = next(each for each in project_shelf.entries(project) if each.id.startswith(project_shelf.TOKENIZER))
    assert project_shelf.path_of(entry.id, project) == ordered.folder


def test_another_project_does_not_see_it(tokenizer: Tokenizer, stranger: User) -> None:
    other = Project.objects.get(created_by=stranger)
    with pytest.raises(BaseModelMissing):
        project_shelf.find(f"{project_shelf.TOKENIZER}{tokenizer.pk}", other)


def test_only_a_ready_corpus_of_the_project_will_do(corpus: DatasetVersion, project: Project, editor: User) -> None:
    corpus.dataset.task = "classification"
    with pytest.raises(StudioError):
        tokenizers.order(project=project, dataset_version=corpus, spec=TokenizerSpec(), name="", by=editor)


def test_the_page_shows_how_it_fares_cuts_a_text_and_finds_tokens(
    client: Client, viewer: User, tokenizer: Tokenizer
) -> None:
    client.force_login(viewer)
    url = reverse("registry:tokenizer", args=[tokenizer.pk])
    page = client.get(url, {"text": "We love the film", "q": "film"}).content.decode()
    assert "Characters a token" in page and "Pieces" in page
    assert page.count('class="piece') >= 6
    headers = {"HX-Request": "true", "HX-Target": "tokenizer-vocabulary"}
    part = client.get(url, {"q": "nothing like this"}, headers=headers).content.decode()
    assert "No token is like that." in part and "<html" not in part


def test_it_is_taken_away_as_a_folder_that_transformers_reads(
    client: Client, viewer: User, tokenizer: Tokenizer
) -> None:
    client.force_login(viewer)
    answer = client.get(reverse("registry:tokenizer_download", args=[tokenizer.pk]))
    assert answer.status_code == 200 and "Pieces.zip" in answer["Content-Disposition"]
    packed = b"".join(archive.zipped(tokenizer.folder, "Pieces"))
    names = zipfile.ZipFile(io.BytesIO(packed)).namelist()
    assert {Path(name).name for name in names} >= {"tokenizer.json", "tokenizer_config.json", "manifest.json"}


def test_the_form_orders_one(client: Client, editor: User, corpus: DatasetVersion, project: Project) -> None:
    client.force_login(editor)
    url = reverse("registry:tokenizer_create", args=[project.pk])
    form = {"dataset_version": corpus.pk, "kind": "bpe", "vocabulary": 500, "normalisation": "nfc", "least_count": 1}
    assert client.post(url, {**form, "vocabulary": 3}).status_code == 422
    assert client.post(url, form).status_code == 302
    assert Tokenizer.objects.get().tokenizer_spec == TokenizerSpec(
        kind="bpe", vocabulary=500, normalisation="nfc", least_count=1, lowercase=False, split_chinese=False
    )


def test_the_list_asks_the_same_of_the_database_however_long_it_is(
    client: Client, viewer: User, tokenizer: Tokenizer, django_assert_max_num_queries: Callable[..., object]
) -> None:
    client.force_login(viewer)
    for number in range(5):
        Tokenizer.objects.create(
            project=tokenizer.project, name=f"T{number}", dataset_version=tokenizer.dataset_version, spec=tokenizer.spec
        )
    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        client.get(reverse("registry:tokenizers", args=[tokenizer.project_id]))


def test_the_tokens_of_a_corpus_are_counted_under_any_tokenizer(
    client: Client, viewer: User, tokenizer: Tokenizer
) -> None:
    client.force_login(viewer)
    url = reverse("registry:corpus_tokens", args=[tokenizer.dataset_version_id])
    page = client.get(url, {"tokenizer": f"{project_shelf.TOKENIZER}{tokenizer.pk}"}).content.decode()
    assert "Pieces" in page and "Unknown tokens" in page


def test_a_deleted_one_is_gone(client: Client, editor: User, tokenizer: Tokenizer) -> None:
    client.force_login(editor)
    assert client.post(reverse("registry:tokenizer_delete", args=[tokenizer.pk])).status_code == 302
    assert client.get(reverse("registry:tokenizer", args=[tokenizer.pk])).status_code == 404


def test_a_base_model_of_the_project_is_called_by_its_name(
    tokenizer: Tokenizer, corpus: DatasetVersion, project: Project, editor: User, django_assert_num_queries: Any
) -> None:
    model = Model.objects.create(project=project, name="Words", task="pretraining", created_by=editor)
    version = ModelVersion.objects.create(
        model=model, number=1, dataset_version=corpus, base_model="tiny", spec={}, labels=[], examples=[],
        weights_sha256="0" * 64, created_by=editor,
    )  # fmt: skip
    ids = [
        f"project-tokenizer/{tokenizer.pk}",
        f"project-model/{version.pk}",
        "from-scratch",
        "tiny",
        "project-model/x",
    ]
    with django_assert_num_queries(2):
        found = project_shelf.names(ids)
    assert [found[each] for each in ids] == [tokenizer.name, str(version), "From scratch", "tiny", "project-model/x"]
