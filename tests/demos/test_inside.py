"""The page about a model's inside, with the numbers of a real serve worker."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.registry.models import ModelVersion


def test_it_walks_a_sentence_through_the_model(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    url = reverse("demos:inside", args=[version.pk])
    page = client.get(url, {"text": "the film was good", "layer": "2", "head": "9"}).content.decode()
    for words in (
        "1. Tokens",
        "3. Attention: layer 2, head 4",
        "data-formula",
        "5. Logits",
        "positive",
        "Feed-forward",
    ):
        assert words in page
    assert page.count("<rect") > 36 and 'style="' not in page
    assert client.get(url, {"text": " "}).status_code in (200, 422)


def test_without_a_serve_worker_it_says_so(client: Client, viewer: User, version: ModelVersion) -> None:
    client.force_login(viewer)
    assert client.get(reverse("demos:inside", args=[version.pk]), {"text": "good"}).status_code == 503
