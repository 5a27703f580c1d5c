"""The page of similar texts, and sentence similarity over the API, with a real serve worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.inference import nearest
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.registry.models import Model, ModelVersion

TEXT, OTHER = "the film was good", "服务很差，房间"


@pytest.fixture
def url(version: ModelVersion) -> str:
    return reverse("demos:similar", args=[version.model.project_id])


def test_two_texts_and_the_rows_of_a_data_set_are_compared(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion, url: str
) -> None:
    client.force_login(viewer)
    asked = {
        "model": f"version/{version.pk}",
        "text": TEXT,
        "other": TEXT,
        "dataset_version": version.dataset_version_id,
    }
    page = client.get(url, asked).content.decode()
    assert "1.000" in page and "Nearest rows of Tiny data v1" in page
    assert "160 rows looked at" not in page, "a small data set is done at once"
    assert page.count(f"/dataset-versions/{version.dataset_version_id}/rows/") == nearest.SHOWN
    assert client.get(url).status_code == 200


def test_a_large_data_set_is_looked_at_bit_by_bit(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest.look, "__kwdefaults__", {"seconds": 0.0})
    client.force_login(viewer)
    asked = {"model": f"version/{version.pk}", "text": TEXT, "dataset_version": version.dataset_version_id}
    first = client.get(url, asked, headers={"HX-Request": "true"}).content.decode()
    assert "64 of 160 rows looked at" in first and 'hx-trigger="load' in first and "<html" not in first
    assert "128 of 160 rows" in client.get(url, asked).content.decode()
    assert "rows looked at" not in client.get(url, asked).content.decode()


def test_what_is_missing_or_wrong_is_said_at_its_field(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion, url: str
) -> None:
    client.force_login(viewer)
    model = f"version/{version.pk}"
    nothing = client.get(url, {"model": model, "text": TEXT})
    assert nothing.status_code == 422 and "Give another text, or choose a data set." in nothing.content.decode()
    assert client.get(url, {"model": "version/x", "text": TEXT, "other": OTHER}).status_code == 422
    foreign = "00000000-0000-0000-0000-000000000000"
    assert client.get(url, {"model": model, "text": TEXT, "dataset_version": foreign}).status_code == 422


def test_a_project_without_an_encoder_is_told_what_to_do(
    client: Client, viewer: User, dataset_version: Callable[[str], DatasetVersion]
) -> None:
    client.force_login(viewer)
    url = reverse("demos:similar", args=[dataset_version("classification").dataset.project_id])
    assert "Comparing needs an encoder" in client.get(url).content.decode()


def test_hugging_faces_client_asks_for_sentence_similarity(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    _token, secret = accounts.create_token(user=viewer, name="t")
    headers = {"Authorization": f"Bearer {secret}"}

    def ask(model: ModelVersion, **inputs: Any) -> Any:
        address = f"/api/v1/model-versions/{model.pk}/predict"
        return client.post(address, {"inputs": inputs}, content_type="application/json", headers=headers)

    found = ask(version, source_sentence=TEXT, sentences=[TEXT, OTHER]).json()
    assert found[0] == pytest.approx(1, abs=1e-4) and found[1] < 0.999
    assert ask(version, source_sentence=TEXT, sentences=[]).status_code == 400
    Model.objects.update(task="translation")  # what writes is no encoder
    assert ask(version, source_sentence=TEXT, sentences=[TEXT]).status_code == 400
