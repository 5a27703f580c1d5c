"""Data sets over the API, as a program with a token meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import User
from nlpstudio.datasets import tasks
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.projects.models import Project
from tests.datasets.conftest import REVIEWS

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Any) -> None:
    settings.FILES_ROOT = tmp_path / "files"


@pytest.fixture
def call(client: Client) -> Call:
    """`call(user, "get", path, …)` with a fresh token of the user, none for None."""

    def send(user: User | None, verb: str, path: str, **posted: Any) -> Any:
        token = f"Bearer {accounts.create_token(user, 'test')[1]}" if user else ""
        return getattr(client, verb)(f"/api/v1{path}", posted or None, headers={"Authorization": token})

    return send


def _upload(call: Call, user: User | None, project: Project, text: str = REVIEWS, **fields: Any) -> Any:
    file = SimpleUploadedFile("reviews.tsv", text.encode())
    return call(user, "post", f"/projects/{project.pk}/datasets", file=file, **{"task": "classification", **fields})


@pytest.fixture
def version(call: Call, editor: User, project: Project) -> str:
    answer = _upload(call, editor, project, REVIEWS + "no label\n", name="Reviews").json()
    tasks.import_version(answer["version"]["id"])
    return str(answer["version"]["id"])


def test_an_upload_is_accepted_and_starts_at_once(call: Call, editor: User, project: Project) -> None:
    options = {
        "columns": {"text": "text", "label": "label"},
        "header": True,
        "split": {"train": 0.5, "validation": 0.5, "test": 0},
    }
    response = _upload(call, editor, project, name="Reviews", options=json.dumps(options))
    assert response.status_code == 202
    answer = response.json()
    assert answer["version"]["state"] == "importing"
    tasks.import_version(answer["version"]["id"])
    found = call(editor, "get", f"/dataset-versions/{answer['version']['id']}").json()
    assert (found["state"], found["rows"]) == ("ready", 60)
    assert found["splits"] == {"train": 30, "validation": 30}


def test_a_version_says_all_that_is_known(call: Call, viewer: User, version: str) -> None:
    found = call(viewer, "get", f"/dataset-versions/{version}").json()
    assert found["labels"] == ["bad", "good"]
    assert found["columns"] == ["text", "label"]
    assert found["problems"]["count"] == 1
    assert {"line", "column", "code", "message"} <= set(found["problems"]["first"][0])
    assert found["problems"]["first"][0]["line"] == 62
    assert found["statistics"]["characters"]["mean"] > 0
    assert isinstance(found["warnings"], list)
    assert found["error"] is None


def test_data_sets_are_listed_with_their_newest_version(
    call: Call, viewer: User, project: Project, version: str
) -> None:
    found = call(viewer, "get", f"/projects/{project.pk}/datasets").json()
    assert (found["count"], found["next"], found["previous"]) == (1, None, None)
    dataset = found["results"][0]
    assert (dataset["name"], dataset["version"]["id"], dataset["version"]["state"]) == ("Reviews", version, "ready")
    assert call(viewer, "get", f"/datasets/{dataset['id']}").json() == dataset


def test_rows_are_paged_and_filtered(call: Call, viewer: User, version: str) -> None:
    first = call(viewer, "get", f"/dataset-versions/{version}/rows").json()
    assert (first["count"], len(first["results"])) == (60, 50)
    assert "page=2" in first["next"]
    assert {"row_id", "text", "labels", "split"} <= set(first["results"][0])
    second = call(viewer, "get", f"/dataset-versions/{version}/rows?page=2").json()
    assert len(second["results"]) == 10
    assert call(viewer, "get", f"/dataset-versions/{version}/rows?page=3").status_code == 404
    assert call(viewer, "get", f"/dataset-versions/{version}/rows?split=test&label=good").json()["count"] == 3
    assert call(viewer, "get", f"/dataset-versions/{version}/rows?q=number 59").json()["count"] == 1
    assert call(viewer, "get", f"/dataset-versions/{version}/rows?split=nonsense").status_code == 422


def test_problems_are_listed(call: Call, viewer: User, version: str) -> None:
    found = call(viewer, "get", f"/dataset-versions/{version}/problems").json()
    assert (found["count"], found["results"][0]["line"]) == (1, 62)


def test_the_good_rows_are_downloaded(call: Call, viewer: User, version: str) -> None:
    response = call(viewer, "get", f"/dataset-versions/{version}/download?format=jsonl")
    rows = [json.loads(line) for line in b"".join(response).decode().splitlines()]
    assert len(rows) == 60
    assert response["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ("not json", "options"),
        ('{"delimeter": ","}', "options.delimeter"),
        ('{"delimiter": ",,"}', "options.delimiter"),
        ('{"header": "yes"}', "options.header"),
        ('{"encoding": "klingon"}', "options.encoding"),
        ('{"columns": {"txt": "a"}}', "options.columns"),
        ('{"split": {"train": 0.5}}', "options.split"),
        ('{"split": {"seed": "x"}}', "options.split.seed"),
        ('{"split": {"seed": -1}}', "options.split.seed"),
        ('{"split": {"train": NaN}}', "options.split"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(
    call: Call, editor: User, project: Project, options: str, field: str
) -> None:
    response = _upload(call, editor, project, options=options)
    assert response.status_code == 422
    assert response.json()["error"]["details"][0]["field"] == field
    assert not DatasetVersion.objects.exists()


def test_a_task_or_a_file_that_is_missing_is_named(call: Call, editor: User, project: Project) -> None:
    assert "task" in _upload(call, editor, project, task="poetry").json()["error"]["message"]
    response = call(editor, "post", f"/projects/{project.pk}/datasets", task="qa")
    assert response.status_code == 422
    assert "file" in response.json()["error"]["message"]
    empty = _upload(call, editor, project, "")
    assert (empty.status_code, empty.json()["error"]["code"]) == (400, "data.empty_file")


def test_a_failed_import_says_why(call: Call, editor: User, project: Project) -> None:
    answer = _upload(call, editor, project, "fine\tgood\n" * 30).json()
    tasks.import_version(answer["version"]["id"])
    found = call(editor, "get", f"/dataset-versions/{answer['version']['id']}").json()
    assert found["state"] == "failed"
    assert found["error"]["code"] == "data.unusable"
    rows = call(editor, "get", f"/dataset-versions/{answer['version']['id']}/rows")
    assert (rows.status_code, rows.json()["error"]["code"]) == (409, "dataset.not_ready")


def test_who_may_upload(
    call: Call, project: Project, owner: User, editor: User, viewer: User, stranger: User, admin: User
) -> None:
    cast = [(owner, 202), (editor, 202), (viewer, 403), (stranger, 404), (admin, 404), (None, 401)]
    assert [_upload(call, who, project).status_code for who, _ in cast] == [status for _, status in cast]


@pytest.mark.parametrize("path", ["", "/rows", "/problems", "/download"])
def test_who_may_read(call: Call, version: str, viewer: User, stranger: User, admin: User, path: str) -> None:
    cast = [(viewer, 200), (stranger, 404), (admin, 404), (None, 401)]
    found = [call(who, "get", f"/dataset-versions/{version}{path}").status_code for who, _ in cast]
    assert found == [status for _, status in cast]


def test_the_list_costs_the_same_for_one_and_for_many(
    call: Call, project: Project, editor: User, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for more in (1, 4):
        for _ in range(more):
            _upload(call, editor, project)
        with django_assert_max_num_queries(12) as asked:
            assert call(editor, "get", f"/projects/{project.pk}/datasets").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
