"""The table of every address, verb and role is complete, and what stands in it is so.

`permissions.tsv` lists who may use what. A route that is not in it fails; each cell is tried with a real request,
the allowed ones too, so that a refusal cannot pass for the wrong reason.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token
from nlpstudio.config.routes import all_routes
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.demos.models import Batch, BatchState
from nlpstudio.projects import people
from nlpstudio.projects.models import Membership, Project, Role
from nlpstudio.registry.models import ModelVersion
from nlpstudio.runs.models import Run
from tests.published import dataset_version, outcome, own_files, publish, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "trained", "version"]

TABLE = Path(__file__).with_name("permissions.tsv")
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LEAST = {"project viewer": Role.VIEWER, "project editor": Role.EDITOR, "project owner": Role.OWNER}
API = "/api/v1/"


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    address: str
    verbs: tuple[str, ...]
    who: str


def table() -> list[Line]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [
            Line(row["address"], tuple(row["verbs"].split(",")), row["who"])
            for row in csv.DictReader(file, delimiter="\t")
        ]


PROJECT_LINES = [line for line in table() if line.who in LEAST and "WEBSOCKET" not in line.verbs]


def test_every_route_stands_in_the_table_and_every_line_is_a_route():
    routes = {(route.pattern, route.verbs) for route in all_routes()}
    assert routes == {(line.address, line.verbs) for line in table()}


def test_the_pages_declare_what_the_table_says():
    said = {(line.address, line.verbs): line.who for line in table()}
    pages = [route for route in all_routes() if route.policy != "api token"]
    assert {(r.pattern, r.verbs): r.policy for r in pages} == {
        (r.pattern, r.verbs): said[r.pattern, r.verbs] for r in pages
    }


@pytest.fixture
def run(version: ModelVersion, project: Project, editor: User) -> Run:
    run = Run.objects.create(
        project=project, name="Run", dataset_version=version.dataset_version, base_model="tiny", spec=version.spec,
        state="finished", model_version=version, queued_at=timezone.now(), ended_at=timezone.now(), created_by=editor,
    )  # fmt: skip
    run.folder.mkdir(parents=True)
    (run.folder / "log.txt").write_text("ready\n", encoding="utf-8")
    return run


@pytest.fixture
def batch(version: ModelVersion, viewer: User) -> Batch:
    """A finished prediction of the viewer's own: others' could be ended by editors only."""
    result = {
        "file": "predicted.tsv",
        "name": "a-predicted.tsv",
        "format": "tsv",
        "encoding": "utf-8",
        "delimiter": "\t",
    }
    facts = {"quoting": False, "rows": 0, "errors": 0, "columns": ["prediction", "error"]}
    batch = Batch.objects.create(
        version=version, source_name="a.tsv", state=BatchState.FINISHED, created_by=viewer, result={**result, **facts}
    )
    batch.result_path.parent.mkdir(parents=True)
    batch.result_path.with_name("predicted.tsv").write_text("good\n", encoding="utf-8")
    return batch


@pytest.fixture
def address_of(
    run: Run, version: ModelVersion, batch: Batch, project: Project, viewer: User, owner: User
) -> Callable[[str], str]:
    """Fills an address pattern with the ids of real objects of `project`."""
    data = version.dataset_version
    invitation, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    DatasetVersion.objects.filter(pk=data.pk).update(rejected_count=1)
    (data.folder / "rejected").write_text("a bad line\n", encoding="utf-8")
    values: dict[str, object] = {
        "project_id": project.pk,
        "dataset_id": data.dataset_id,
        "run_id": run.pk,
        "model_id": version.model_id,
        "invitation_id": invitation.pk,
        "membership_id": Membership.objects.get(project=project, user=viewer).pk,
        "batch_id": batch.pk,
        "row_id": 0,
        "sample_id": "sms-spam",
        "task": "classification",
        "secret": secret,
    }

    def fill(pattern: str) -> str:
        own = data.pk if "dataset-versions" in pattern else version.pk
        return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda match: str({**values, "version_id": own}[match[1]]), pattern)

    return fill


def _body(pattern: str, verb: str) -> tuple[bytes, str]:
    """What the API checks before the door is sound in every request, so that it is the door that answers."""
    if verb == "POST" and pattern.endswith("/datasets"):
        form = {"name": "Matrix", "task": "classification", "file": SimpleUploadedFile("a.tsv", b"good\tx\nbad\ty\n")}
        return encode_multipart(BOUNDARY, form), MULTIPART_CONTENT
    if pattern.endswith("/batch"):
        return encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("a.tsv", b"good\n")}), MULTIPART_CONTENT
    if not pattern.startswith(API):
        return b"", "application/x-www-form-urlencoded"
    if pattern.endswith("/predict"):
        return b'{"inputs": "good"}', "application/json"
    if pattern.endswith("/runs"):
        return json.dumps(
            {"dataset_version": str(DatasetVersion.objects.get().pk), "base_model": "tiny"}
        ).encode(), "application/json"
    return b'{"name": "Matrix"}', "application/json"


def ask(client: Client, line: Line, verb: str, address: str, user: User | None) -> HttpResponse:
    """One real request, whose effects on the database are taken back."""
    headers: dict[str, Any] = {}
    if user and line.address.startswith(API):
        headers["HTTP_AUTHORIZATION"] = f"Bearer {create_token(user=user, name='matrix')[1]}"
    elif user:
        client.force_login(user)
    body, kind = _body(line.address, verb)
    with transaction.atomic():
        answer: Any = client.generic(verb, address, body, content_type=kind, **headers)
        transaction.set_rollback(True)
    client.logout()
    return answer  # type: ignore[no-any-return]  # the test client is untyped


def sends_to_sign_in(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith("/accounts/login")


@pytest.mark.django_db
@pytest.mark.parametrize("line", PROJECT_LINES, ids=lambda line: f"{line.verbs} {line.address}")
def test_who_gets_through(
    line: Line,
    client: Client,
    address_of: Callable[[str], str],
    stranger: User,
    viewer: User,
    editor: User,
    owner: User,
):
    address = address_of(line.address)
    for verb in line.verbs:
        answer = ask(client, line, verb, address, None)
        assert answer.status_code == 401 if line.address.startswith(API) else sends_to_sign_in(answer)
        assert ask(client, line, verb, address, stranger).status_code == 404
        for user, role in ((viewer, Role.VIEWER), (editor, Role.EDITOR), (owner, Role.OWNER)):
            answer = ask(client, line, verb, address, user)
            if role.rank < LEAST[line.who].rank:
                assert answer.status_code == 403, (verb, role)
            else:
                assert answer.status_code not in (401, 403, 404, 405, 500), (
                    verb,
                    role,
                    answer.status_code,
                )
                assert not sends_to_sign_in(answer)


@pytest.mark.django_db
def test_verbs_that_are_not_listed_are_refused(client: Client, address_of: Callable[[str], str], owner: User):
    listed: dict[str, set[str]] = {}
    for line in table():
        listed.setdefault(line.address, set()).update(line.verbs)
    for line in PROJECT_LINES:
        for verb in set(VERBS) - listed[line.address]:
            answer = ask(client, line, verb, address_of(line.address), owner)
            assert answer.status_code == 405, (verb, line.address)
