"""Runs over the API."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.projects.models import Project
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State
from tests.runs.conftest import base_models, dataset_version, make_run, run, spec, studio, work

__all__ = ["base_models", "dataset_version", "make_run", "run", "spec", "studio"]

PLACES = ("GET /api/v1/runs/{run}", "GET /api/v1/runs/{run}/events", "GET /api/v1/projects/{project}/runs")
DEEDS = tuple(f"POST /api/v1/runs/{{run}}/{deed}" for deed in ("stop", "cancel", "resume", "clone"))


def bearer(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(user)}"}


def token_of(user: User) -> str:
    return accounts.create_token(user=user, name="test")[1]


def ask(client: Client, place: str, user: User, run: Run, body: dict[str, Any] | None = None, **headers: str) -> Any:
    verb, path = place.format(run=run.pk, project=run.project_id).split(" ")
    return client.generic(verb, path, json.dumps(body or {}), "application/json", headers={**bearer(user), **headers})


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("editor", 200), ("stranger", 404), ("admin", 404)])
def test_who_may_read(
    client: Client, request: pytest.FixtureRequest, run: Run, place: str, who: str, status: int
) -> None:
    assert ask(client, place, request.getfixturevalue(who), run).status_code == status


@pytest.mark.parametrize("place", [*DEEDS, "POST /api/v1/projects/{project}/runs"])
@pytest.mark.parametrize(("who", "status"), [("viewer", 403), ("stranger", 404)])
def test_who_may_not_write(
    client: Client, request: pytest.FixtureRequest, run: Run, place: str, who: str, status: int
) -> None:
    body = {"dataset_version": str(run.dataset_version_id), "base_model": "tiny"}
    assert ask(client, place, request.getfixturevalue(who), run, body).status_code == status
    run.refresh_from_db()
    assert (run.state, Run.objects.count()) == (State.QUEUED, 1)


def start(client: Client, user: User, version: DatasetVersion, *, key: str = "", **body: Any) -> Any:
    project = version.dataset.project_id
    values = {"dataset_version": str(version.pk), "base_model": "tiny", **body}
    headers = {**bearer(user), **({"Idempotency-Key": key} if key else {})}
    return client.post(f"/api/v1/projects/{project}/runs", values, "application/json", headers=headers)


def test_a_run_is_started_with_settings(client: Client, editor: User, dataset_version: DatasetVersion) -> None:
    answer = start(client, editor, dataset_version, params={"epochs": 2, "learning_rate": 1e-4})
    assert answer.status_code == 201, answer.content
    told = answer.json()
    assert (told["state"], told["progress"], told["attempt"], told["queue_position"]) == ("queued", 0, 0, 1)
    assert (told["metrics"], told["best"], told["model_version"], told["error"]) == ({}, {}, None, None)
    assert (told["params"]["epochs"], told["params"]["learning_rate"]) == (2, 1e-4)
    assert Run.objects.get().train_spec.params.epochs == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"params": {"epochs": 0}}, 400, "spec.invalid"),
        ({"params": {"nonsense": 1}}, 400, "spec.invalid"),
        ({"base_model": "nothing"}, 400, "base_model.missing"),
        ({"dataset_version": "x"}, 422, "invalid"),
        ({"dataset_version": "00000000-0000-0000-0000-000000000000"}, 404, "not_found"),
        ({"params": [1]}, 422, "invalid"),
    ],
)
def test_what_cannot_be_started_is_refused_in_words(
    client: Client, editor: User, dataset_version: DatasetVersion, body: dict[str, Any], status: int, code: str
) -> None:
    answer = start(client, editor, dataset_version, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not Run.objects.exists()


def test_a_key_starts_a_run_once(client: Client, editor: User, owner: User, dataset_version: DatasetVersion) -> None:
    first, again = (start(client, editor, dataset_version, key="a").json()["id"] for _ in range(2))
    assert first == again
    assert start(client, editor, dataset_version, key="b").json()["id"] != first
    assert start(client, owner, dataset_version, key="a").json()["id"] != first


def test_a_key_outlives_a_cache_that_forgot_it(client: Client, editor: User, dataset_version: DatasetVersion) -> None:
    first = start(client, editor, dataset_version, key="a").json()["id"]
    cache.clear()
    assert start(client, editor, dataset_version, key="a").json()["id"] == first


def test_a_key_of_a_refused_request_may_be_used_again(
    client: Client, editor: User, dataset_version: DatasetVersion
) -> None:
    assert start(client, editor, dataset_version, key="a", base_model="nothing").status_code == 400
    assert start(client, editor, dataset_version, key="a").status_code == 201


def test_a_finished_run_tells_its_scores_flat_and_with_their_split(client: Client, viewer: User, run: Run) -> None:
    done = work("well")
    told = ask(client, PLACES[0], viewer, run).json()
    assert (told["state"], told["progress"], told["eta_s"]) == ("finished", 1.0, None)
    assert (told["metrics"]["accuracy"], told["metrics"]["split"]) == (0.9, "test")
    assert (told["best"]["macro_f1"], told["best"]["split"]) == (0.8, "validation")
    assert told["model_version"] == str(done.model_version_id)
    assert told["weights_sha256"] == done.weights_sha256
    assert {"torch", "device", "threads"} <= set(told["environment"])


def test_a_failed_run_tells_its_error(client: Client, viewer: User, run: Run) -> None:
    work("out of memory")
    error = ask(client, PLACES[0], viewer, run).json()["error"]
    assert (error["code"], error["hint"]) == ("engine.out_of_memory", "A smaller batch.")


def test_events_come_in_order_and_in_pieces(client: Client, viewer: User, run: Run) -> None:
    work("well")
    headers = bearer(viewer)
    seen: list[dict[str, Any]] = []
    url = f"/api/v1/runs/{run.pk}/events?limit=10"
    while url:
        page = client.get(url, headers=headers).json()
        seen += page["results"]
        url = page["next"]
    assert [event["seq"] for event in seen] == list(range(1, 27))
    assert (seen[0]["kind"], seen[-1]["kind"]) == ("prepared", "finished")
    assert {"seq", "at", "kind", "step", "loss", "lr"} <= set(seen[1])
    assert client.get(f"/api/v1/runs/{run.pk}/events?after=25", headers=headers).json()["count"] == 1


def test_a_run_is_cancelled_and_then_no_longer_resumed(client: Client, editor: User, run: Run) -> None:
    assert ask(client, DEEDS[1], editor, run).json()["state"] == "cancelled"
    refused = ask(client, DEEDS[2], editor, run)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "run.wrong_state")


def test_a_clone_is_a_new_run_with_other_settings_where_wished(client: Client, editor: User, run: Run) -> None:
    told = ask(client, DEEDS[3], editor, run, {"params": {"seed": 7}})
    assert told.status_code == 201
    assert told.json()["id"] != str(run.pk)
    assert (told.json()["params"]["seed"], told.json()["params"]["epochs"]) == (7, 3)


def test_the_list_is_filtered_by_state(
    client: Client, viewer: User, make_run: Callable[..., Run], project: Project
) -> None:
    run = make_run()
    make_run()
    work("well")
    assert ask(client, PLACES[2], viewer, run).json()["count"] == 2
    answer = client.get(f"/api/v1/projects/{project.pk}/runs?state=finished", headers=bearer(viewer))
    assert [each["state"] for each in answer.json()["results"]] == ["finished"]


def test_a_project_is_not_called_nothing(client: Client, editor: User) -> None:
    """Nobody could click on it, nor type its name to delete it."""
    headers = {"Authorization": f"Bearer {accounts.create_token(editor, 'test')[1]}"}
    made = client.post("/api/v1/projects", {"name": "  "}, content_type="application/json", headers=headers)
    assert made.status_code == 422
    made = client.post("/api/v1/projects", {"name": " Mine "}, content_type="application/json", headers=headers)
    assert (made.status_code, made.json()["name"]) == (201, "Mine")
