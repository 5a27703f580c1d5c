"""Tokens that open less than their user may do, and requests that come too often: the same on every route."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import ApiToken, User
from nlpstudio.config.routes import all_routes
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.registry.models import ModelVersion
from tests.published import Publish, dataset_version, outcome, own_files, publish, serve_worker, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "serve_worker", "trained", "version"]

Ask = Callable[..., Any]


@pytest.fixture
def ask(client: Client) -> Ask:
    def send(verb: str, address: str, token: str, body: Any = None) -> Any:
        headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        return client.generic(verb, f"/api/v1{address}", body or "", content_type="application/json", **headers)

    return send


def token_for(user: User, **limits: Any) -> str:
    return accounts.create_token(user, "test", **limits)[1]


def test_a_token_for_one_model_knows_of_no_other(
    ask: Ask, viewer: User, version: ModelVersion, publish: Publish, serve_worker: Pool
) -> None:
    other = publish(model_name="Another")
    token = token_for(viewer, model=(version.model_id, "Sentiment"))
    for address in (
        f"/models/{version.model_id}",
        f"/model-versions/{version.pk}",
        f"/model-versions/{version.pk}/engines",
    ):
        assert ask("GET", address, token).status_code == 200
    for address in (f"/models/{other.model_id}", f"/model-versions/{other.pk}", "/projects", f"/batches/{other.pk}"):
        assert ask("GET", address, token).status_code == 404
    asked = [
        ask("POST", f"/model-versions/{each.pk}/predict", token, '{"inputs": "good"}') for each in (version, other)
    ]
    assert [each.status_code for each in asked] == [200, 404]


def test_a_token_for_one_model_opens_no_door_that_does_not_know_of_models(viewer: User, version: ModelVersion) -> None:
    assert accounts.user_of_token(token_for(viewer)) == viewer
    with pytest.raises(PermissionDenied):
        accounts.user_of_token(token_for(viewer, model=(version.model_id, "Sentiment")))


def test_every_route_of_the_api_asks_which_model_a_token_is_for(ask: Ask, owner: User, version: ModelVersion) -> None:
    token, tried = token_for(owner, model=(uuid4(), "Another")), 0
    for route in (each for each in all_routes() if each.pattern.startswith("/api/v1/") and "{" in each.pattern):
        address = re.sub(
            r"[<{](?:\w+:)?(\w+)[>}]",
            lambda found: str({"model_id": version.model_id}.get(found[1], version.pk)),
            route.pattern,
        )
        for verb in route.verbs:
            assert ask(verb, address.removeprefix("/api/v1"), token).status_code == 404, (verb, address)
            tried += 1
    assert tried > 20


@pytest.mark.django_db
def test_a_token_that_asks_too_often_is_told_when_to_come_back(
    ask: Ask, viewer: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now().timestamp() // 60 * 60 + 12.5
    monkeypatch.setattr("nlpstudio.core.limits.time.time", lambda: now)
    cache.clear()
    token, free = token_for(viewer, per_minute=3), token_for(viewer)
    assert [ask("GET", "/me", token).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = ask("GET", "/me", token)
    assert refused.json()["error"]["code"] == "token.too_many" and refused["Retry-After"] == "48"
    settings.TOKEN_PER_MINUTE = 2
    assert [ask("GET", "/me", free).status_code for _ in range(3)] == [200, 200, 429]
    now += 60
    assert ask("GET", "/me", token).status_code == 200
    settings.TOKEN_PER_MINUTE = 0
    assert ask("GET", "/me", free).status_code == 200


def test_a_limited_token_is_good_while_the_broker_is_away(ask: Ask, viewer: User, no_broker: None) -> None:
    token = token_for(viewer, per_minute=1)
    assert [ask("GET", "/me", token).status_code for _ in range(2)] == [200, 200]


def test_the_form_makes_a_limited_token(client: Client, viewer: User, version: ModelVersion) -> None:
    client.force_login(viewer)
    given = {"name": "shop", "days": "30", "scope": "predict", "model": str(version.model_id), "per_minute": "60"}
    page = client.post("/accounts/tokens/", given).content.decode()
    token = ApiToken.objects.get()
    assert (token.scope, token.model_id, token.per_minute) == ("predict", version.model_id, 60)
    assert "Sentiment ·" in page and "60 requests a minute" in page


def test_the_form_takes_no_model_that_one_may_not_try(client: Client, stranger: User, version: ModelVersion) -> None:
    client.force_login(stranger)
    answer = client.post("/accounts/tokens/", {"name": "x", "days": "", "model": str(version.model_id)})
    assert answer.status_code == 422 and not ApiToken.objects.exists()
