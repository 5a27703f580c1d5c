"""Models, versions, reports, mistakes and downloads over the API."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import User
from nlpstudio.registry.models import ModelVersion
from tests.published import dataset_version, outcome, own_files, publish, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "trained", "version"]


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {accounts.create_token(user=user, name='test')[1]}"}


def addresses(version: ModelVersion) -> list[str]:
    one = f"/api/v1/model-versions/{version.pk}"
    return [
        f"/api/v1/projects/{version.model.project_id}/models",
        f"/api/v1/models/{version.model_id}",
        *(f"{one}{part}" for part in ("", "/evaluation", "/mistakes", "/download")),
    ]


@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("stranger", 404), (None, 401)])
def test_who_may_read_models(
    client: Client, request: pytest.FixtureRequest, version: ModelVersion, who: str | None, status: int
) -> None:
    headers = bearer(request.getfixturevalue(who)) if who else {}
    assert [client.get(url, headers=headers).status_code for url in addresses(version)] == [status] * 6


def test_the_list_names_the_latest_version(client: Client, viewer: User, version: ModelVersion) -> None:
    listing = client.get(addresses(version)[0], headers=bearer(viewer)).json()
    assert (listing["count"], listing["next"], listing["previous"]) == (1, None, None)
    latest = listing["results"][0]["latest"]
    assert latest == {"id": str(version.pk), "number": 1, "metrics": version.metrics, "split": "test"}


def test_a_version_tells_where_it_came_from(client: Client, viewer: User, version: ModelVersion) -> None:
    headers = bearer(viewer)
    told = client.get(f"/api/v1/model-versions/{version.pk}", headers=headers).json()
    assert told["dataset_version"] == str(version.dataset_version_id)
    assert told["run"] is None
    assert told["labels"] == ["negative", "positive"]
    assert told["weights_sha256"] == version.weights_sha256
    whole = client.get(f"/api/v1/models/{version.model_id}", headers=headers).json()
    assert whole["versions"] == [told]


def test_the_evaluation_is_the_artifacts_own(client: Client, viewer: User, version: ModelVersion) -> None:
    told = client.get(f"/api/v1/model-versions/{version.pk}/evaluation", headers=bearer(viewer)).json()
    assert told == json.loads((version.artifact / "evaluation.json").read_text())
    assert told["splits"]["test"]["metrics"] == version.metrics


def test_mistakes_come_in_pages_that_agree_with_the_matrix(client: Client, viewer: User, version: ModelVersion) -> None:
    headers = bearer(viewer)
    url = f"/api/v1/model-versions/{version.pk}/mistakes"
    first = client.get(url, headers=headers).json()
    splits = json.loads((version.artifact / "evaluation.json").read_text())["splits"]
    matrix = splits["test"]["confusion"]["matrix"]
    assert first["count"] == matrix[0][1] + matrix[1][0] > 0
    seen: list[dict[str, Any]] = list(first["results"])
    following = first["next"]
    while following:
        page = client.get(following, headers=headers).json()
        seen += page["results"]
        following = page["next"]
    assert len({each["row"]["row_id"] for each in seen}) == first["count"]
    assert all(each["gold"] != each["predicted"] for each in seen)
    assert client.get(f"{url}?page=99", headers=headers).status_code == 404
    assert client.get(f"{url}?split=train", headers=headers).status_code == 404


async def test_the_download_is_a_zip_of_the_folder(
    async_client: AsyncClient, viewer: User, version: ModelVersion, transactional_db: None
) -> None:
    headers = await sync_to_async(bearer)(viewer)
    answer = await async_client.get(f"/api/v1/model-versions/{version.pk}/download", headers=headers)
    body = b"".join([piece async for piece in answer.streaming_content])
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert "Sentiment v1/manifest.json" in archive.namelist()


def test_the_shelf_is_listed_whole(client: Client, viewer: User) -> None:
    shelf = client.get("/api/v1/base-models", headers=bearer(viewer)).json()
    assert shelf["count"] == len(shelf["results"]) > 3
    keys = {"id", "name", "family", "parameters", "languages", "tasks", "licence", "max_length", "available"}
    assert all(set(each) == keys for each in shelf["results"])
    assert client.get("/api/v1/base-models").status_code == 401


def test_what_does_not_exist_is_not_found(client: Client, viewer: User) -> None:
    answer = client.get(f"/api/v1/model-versions/{uuid.uuid4()}", headers=bearer(viewer))
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "not_found"
