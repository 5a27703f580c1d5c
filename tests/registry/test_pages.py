"""The pages of models: who may open them, what they show, and how much they ask of the database."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.projects.models import Project
from nlpstudio.registry import reports
from nlpstudio.registry.models import Model, ModelVersion
from tests.published import Publish

PAGES = ("version", "mistakes", "confusion", "files", "download")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("editor", 200), ("stranger", 404), (None, 302)])
def test_who_may_look_at_a_version(
    client: Client, request: pytest.FixtureRequest, version: ModelVersion, page: str, who: str | None, status: int
) -> None:
    if who:
        client.force_login(request.getfixturevalue(who))
    assert client.get(reverse(f"registry:{page}", args=[version.pk])).status_code == status


@pytest.mark.parametrize("action", ["rename", "delete"])
@pytest.mark.parametrize(("who", "status"), [("editor", 302), ("viewer", 403), ("stranger", 404), (None, 302)])
def test_who_may_change_a_model(
    client: Client, request: pytest.FixtureRequest, version: ModelVersion, action: str, who: str | None, status: int
) -> None:
    if who:
        client.force_login(request.getfixturevalue(who))
    url = reverse(f"registry:{action}", args=[version.model_id])
    assert client.get(url).status_code == 405
    assert client.post(url, {"name": "Another"}).status_code == status
    model = Model.objects.get(pk=version.model_id)
    changed = model.name == "Another" or model.deleted_at is not None
    assert changed == (who == "editor")


def test_the_list_shows_the_latest_version_with_the_split_of_its_figures(
    client: Client, viewer: User, version: ModelVersion
) -> None:
    client.force_login(viewer)
    page = client.get(reverse("registry:list", args=[version.model.project_id])).content.decode()
    assert "Sentiment" in page and "v1" in page and "Accuracy" in page and "(test)" in page


def test_a_project_without_models_says_how_to_get_one(client: Client, viewer: User, project: Project) -> None:
    client.force_login(viewer)
    page = client.get(reverse("registry:list", args=[project.pk])).content.decode()
    assert "A model appears here when a run finishes." in page


def test_the_version_page_shows_card_figures_confusion_and_lineage(
    client: Client, viewer: User, version: ModelVersion
) -> None:
    client.force_login(viewer)
    page = client.get(reverse("registry:version", args=[version.pk])).content.decode()
    for words in ("On the test split", "On the validation split", "Macro F1", "Confusion matrix", "Tiny data v1"):
        assert words in page
    matrix = reports.of(version)[0].confusion
    assert matrix is not None
    cell = matrix.rows[0][0]
    assert f"split=test&amp;gold={cell.gold}&amp;predicted={cell.predicted}" in page
    assert "<h2>Tiny</h2>" in page.replace("\n", "").replace("  ", "")


def test_a_card_cannot_bring_markup(client: Client, viewer: User, version: ModelVersion) -> None:
    card = "# A <script>alert(1)</script>\n\n| a | b |\n|---|---|\n| <img src=x> | `<b>` |\n\n- <i>item</i>\n"
    (version.artifact / "README.md").write_text(card, encoding="utf-8")
    client.force_login(viewer)
    page = client.get(reverse("registry:version", args=[version.pk])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<img src=x>" not in page and "<i>item" not in page and "<b>" not in page


@pytest.mark.parametrize("page", ["version", "mistakes", "files"])
def test_a_page_asks_the_database_a_fixed_number_of_times(
    client: Client, viewer: User, version: ModelVersion, page: str, django_assert_max_num_queries: Any
) -> None:
    client.force_login(viewer)
    with django_assert_max_num_queries(14):
        client.get(reverse(f"registry:{page}", args=[version.pk]))


def test_the_number_of_versions_and_models_adds_no_queries(
    client: Client, viewer: User, publish: Publish, django_assert_max_num_queries: Any
) -> None:
    versions = [publish(model_name=name) for name in ("A", "B", "C", "C", "C")]
    client.force_login(viewer)
    with django_assert_max_num_queries(14):
        client.get(reverse("registry:list", args=[versions[0].model.project_id]))
    with django_assert_max_num_queries(14):
        client.get(reverse("registry:model", args=[versions[-1].model_id]))


async def test_the_zip_equals_the_folder(
    async_client: AsyncClient, viewer: User, version: ModelVersion, transactional_db: None
) -> None:
    await async_client.aforce_login(viewer)
    response = await async_client.get(reverse("registry:download", args=[version.pk]))
    body = b"".join([piece async for piece in response.streaming_content])
    assert response["Content-Disposition"] == 'attachment; filename="Sentiment v1.zip"'
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        found = {name.removeprefix("Sentiment v1/"): archive.read(name) for name in archive.namelist()}
    files = [path for path in version.artifact.rglob("*") if path.is_file()]
    assert found == {path.relative_to(version.artifact).as_posix(): path.read_bytes() for path in files}
    assert {"README.md", "model.safetensors", "manifest.json", "evaluation.json"} <= set(found)


@pytest.mark.parametrize("task", ["classification", "ner", "qa"])
def test_every_task_has_its_report_and_its_mistakes(client: Client, viewer: User, publish: Publish, task: str) -> None:
    version = publish(task)
    client.force_login(viewer)
    page = client.get(reverse("registry:version", args=[version.pk])).content.decode()
    words = {"classification": "Confusion matrix", "ner": "What became of the entities", "qa": "By question word"}
    assert words[task] in page and "On the test split" in page
    for show in ("wrong", "all"):
        rows = client.get(reverse("registry:mistakes", args=[version.pk]), {"show": show})
        assert rows.status_code == 200
        shown = rows.context["rows"]
        assert shown
        for row in shown if task != "classification" else []:
            text = row.judged.record["text" if task == "ner" else "context"]
            assert "".join(piece.text for piece in row.gold_marks) == text
