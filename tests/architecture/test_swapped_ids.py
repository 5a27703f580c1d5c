"""A recorded tour of team A, replayed by A with each id exchanged for team B's: it shows and changes nothing of B.

Every request of the table is in the tour, once by A with A's ids (which works), then with B's id in the address, then
with B's id in the form, the query or the JSON.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.db import models
from django.test import Client

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token
from nlpstudio.demos.models import Batch
from nlpstudio.projects import people
from nlpstudio.projects.models import Membership, Project, Role, Team, TeamMembership
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs.models import Run
from tests.architecture.test_permissions import API, INSIDE, Line, _body, ask, seen

MARK = "Geheim-B"
M = TypeVar("M", bound=models.Model)
Ids = dict[str, str]


def twin(row: M, **changes: Any) -> M:
    """A copy of the row, with its files, that belongs to B."""
    folder = getattr(row, "folder", None)
    copy = type(row)._default_manager.get(pk=row.pk)
    copy.pk = uuid.uuid4()
    copy._state.adding = True
    for name, value in changes.items():
        setattr(copy, name, value)
    if hasattr(copy, "name"):
        copy.name = MARK
    copy.save()
    if folder is not None and folder.is_dir():
        shutil.copytree(folder, copy.folder)  # type: ignore[attr-defined]  # as asked above
    return copy


@pytest.fixture
def swaps(
    address_of: object, run: Run, version: ModelVersion, batch: Batch, project: Project, cast: dict[str, User]
) -> Ids:
    """Each id of A's things to that of B's, who has the same things and other people."""
    boss = User.objects.create_user("boris@example.org", name=MARK)
    team = Team.objects.create(name=MARK)
    other = Project.objects.create(name=MARK, description=MARK, team=team)
    own = Membership.objects.create(project=other, user=boss, role=Role.OWNER)
    own_team = TeamMembership.objects.create(team=team, user=boss, role=Role.OWNER)
    data = version.dataset_version
    data_b = twin(data, dataset=twin(data.dataset, project=other), source_name=MARK)
    version_b = twin(version, model=twin(version.model, project=other), dataset_version=data_b, labels=[MARK])
    run_b = twin(run, project=other, dataset_version=data_b, model_version=version_b)
    batch_b = twin(batch, version=version_b, source_name=MARK, created_by=boss)
    pairs: list[tuple[Any, Any]] = [
        (project.pk, other.pk), (project.team_id, team.pk), (data.pk, data_b.pk), (data.dataset_id, data_b.dataset_id),
        (project.webhooks.get().pk, twin(project.webhooks.get(), project=other, url=f"https://{MARK}.example/").pk),
        (version.pk, version_b.pk), (version.model_id, version_b.model_id), (run.pk, run_b.pk), (batch.pk, batch_b.pk),
    ]  # fmt: skip
    for place, other_place in ((project, other), (project.team, team)):
        theirs = people.invite(to=other_place, role=Role.VIEWER, days=7, by=boss)[0]
        pairs += [(each.pk, theirs.pk) for each in place.invitations.all()]
    viewer = cast["viewer"]
    members = [
        (f"/members/{Membership.objects.get(project=project, user=viewer).pk}/", f"/members/{own.pk}/"),
        (f"/members/{TeamMembership.objects.get(team=project.team, user=viewer).pk}/", f"/members/{own_team.pk}/"),
    ]
    return {str(a): str(b) for a, b in [*pairs, *members]}


def rows_of(ids: set[str]) -> dict[str, list[dict[str, Any]]]:
    """All rows that are B's or point to B's."""
    found: dict[str, list[dict[str, Any]]] = {}
    for model in apps.get_models():
        if model._meta.label in ("accounts.AuditEntry", "sessions.Session"):
            continue
        rows = [
            row
            for row in model._default_manager.order_by("pk").values()
            if ids & {str(value) for value in row.values()}
        ]
        found[model._meta.label] = rows
    return found


@pytest.mark.django_db
def test_with_ids_of_team_b_the_tour_of_team_a_finds_and_changes_nothing(
    client: Client, address_of: Callable[[str], str], swaps: Ids, cast: dict[str, User]
):
    owner = cast["owner"]
    token = create_token(owner, "tour")[1]
    before = rows_of(set(swaps.values()))
    assert sum(map(len, before.values())) >= 12  # B's things are really there
    swapped = 0
    for line in INSIDE:
        address, verb = address_of(line.address), line.verbs[-1]
        assert seen(ask(client, line, verb, address, owner)) == "in"
        for mine, theirs in swaps.items():
            if mine not in address:
                continue
            answer = _send(client, line, verb, address.replace(mine, theirs), *_body(line.address, verb), owner, token)
            assert answer.status_code == 404, (verb, address, answer.status_code)
            assert MARK not in answer.content.decode()
            swapped += 1
    assert swapped >= len(INSIDE)
    assert rows_of(set(swaps.values())) == before


@pytest.mark.django_db
def test_ids_of_team_b_in_forms_queries_and_json_open_nothing(
    client: Client, address_of: Callable[[str], str], swaps: Ids, cast: dict[str, User], run: Run, project: Project
):
    owner = cast["owner"]
    token = create_token(owner, "tour")[1]
    data, own_project, team = str(run.dataset_version_id), str(project.pk), str(project.team_id)
    version = str(run.model_version_id)
    train = {"dataset_version": swaps[data], "base_model": "tiny"}
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"{API}projects/{own_project}/runs", train),
        ("POST", f"{API}projects", {"name": "Into B", "team": swaps[team]}),
        ("PATCH", f"{API}projects/{own_project}", {"team": swaps[team]}),
        ("POST", f"/projects/{own_project}/runs/new/", train),
        ("GET", f"/projects/{own_project}/runs/new/", train),
        ("POST", "/projects/new/", {"name": "Into B", "team": swaps[team]}),
        ("POST", f"/projects/{own_project}/settings/", {"name": "Reviews", "team": swaps[team]}),
        ("POST", "/accounts/tokens/", {"name": "For B", "project": swaps[own_project], "days": "30"}),
        ("GET", f"/model-versions/{version}/demo/", {"with": swaps[version], "compare": swaps[version]}),
        ("GET", f"/dataset-versions/{data}/", {"version": swaps[data], "compare": swaps[data]}),
    ]
    before = rows_of(set(swaps.values()))
    for verb, address, fields in requests:
        is_api = address.startswith(API)
        body, kind = json.dumps(fields), "application/json"
        if verb == "GET":
            address, body = f"{address}?{urlencode(fields)}", ""
        elif not is_api:
            body, kind = urlencode(fields), "application/x-www-form-urlencoded"
        answer = _send(
            client, Line(address, (verb,), "", guests=False), verb, address, body.encode(), kind, owner, token
        )
        text = re.sub(rf"\?{re.escape(urlencode(fields))}", "", answer.content.decode())
        assert MARK not in text, address
        assert answer.status_code in ((403, 404, 422) if is_api else (200, 302, 403, 404, 422)), (
            address,
            answer.status_code,
        )
    after = rows_of(set(swaps.values()))
    after["accounts.ApiToken"] = before["accounts.ApiToken"]  # one that names B's project and opens nothing of it
    assert after == before


def _send(client: Client, line: Line, verb: str, address: str, body: bytes, kind: str, owner: User, token: str) -> Any:
    if line.address.startswith(API):
        return client.generic(verb, address, body, content_type=kind, HTTP_AUTHORIZATION=f"Bearer {token}")
    client.force_login(owner)
    return client.generic(verb, address, body, content_type=kind)
