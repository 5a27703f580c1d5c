"""The table of every address, verb and principal is complete, and what stands in it is so.

`permissions.tsv` lists who may use what, and whether guests of a model that is visible to everyone here may too;
`ANSWERS` what each of twelve principals then gets. A route that is not in the table fails; each cell is tried with a
real request, the allowed ones too, so that a refusal cannot pass for the wrong reason. Websockets are tried in
`test_socket_permissions.py`.
"""

from __future__ import annotations

import csv
import json
import re
import uuid
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

from nlpstudio.accounts import sealing
from nlpstudio.accounts.models import AuditEntry, Scope, User
from nlpstudio.accounts.services import create_token, revoke_token
from nlpstudio.api.scopes import PREDICTING
from nlpstudio.config.routes import all_routes
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.demos import sharing
from nlpstudio.demos.models import Batch, BatchState
from nlpstudio.notices.models import Notice, Webhook, count_unread
from nlpstudio.projects import people
from nlpstudio.projects import services as projects
from nlpstudio.projects.models import Membership, Project, Role, TeamMembership
from nlpstudio.registry.models import Model, ModelVersion, Tokenizer, Visibility
from nlpstudio.runs.models import Run
from tests.corpora import corpus, corpus_folder, tokenizer_of
from tests.published import dataset_version, outcome, own_files, publish, trained, version

__all__ = [
    "corpus", "corpus_folder", "dataset_version", "outcome", "own_files", "publish", "tokenizer_of", "trained", "version",
]  # fmt: skip

TABLE = Path(__file__).with_name("permissions.tsv")
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ROLES = (Role.VIEWER, Role.EDITOR, Role.MAINTAINER, Role.OWNER)
PEOPLE = ("anonymous", "stranger", "viewer", "editor", "maintainer", "owner", "admin", "removed")
TOKENS = ("read token", "predict token", "token of another project", "revoked token")
API = "/api/v1/"
OPENAI = "/v1/"
SINGLE_SIGN_ON = "/accounts/single-sign-on/"
BY_TOKEN = (API, OPENAI)


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    address: str
    verbs: tuple[str, ...]
    who: str
    guests: bool


def table() -> list[Line]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [
            Line(row["address"], tuple(row["verbs"].split(",")), row["who"], row["guests"] == "yes")
            for row in csv.DictReader(file, delimiter="\t")
        ]


def answers(who: str, principal: str) -> str:
    """What the principal gets: `in`, `gate` (sign in, or 401), `403` or `404`."""
    if who in ("public", "holder of a link", "monitoring"):  # the suite asks from this machine, as monitoring may
        return "in"
    if principal == "anonymous":
        return "gate"
    if who == "signed in":
        return "in"
    if who == "installation admin":
        return "in" if principal == "admin" else "403"
    if who == "editor of anything":  # the stranger owns a project elsewhere
        return "403" if principal in ("viewer", "removed") else "in"
    if principal not in ROLES:
        return "404"  # strangers, those who were removed, and the installation's admin, who is nobody's member
    return "in" if Role(principal).rank >= Role(who.partition(" ")[2]).rank else "403"


LINES = [line for line in table() if "WEBSOCKET" not in line.verbs]
INSIDE = [line for line in LINES if line.who.startswith(("project ", "team "))]
API_LINES = [line for line in LINES if line.address.startswith(API) and line.who != "public"]


def test_every_route_stands_in_the_table_and_every_line_is_a_route():
    routes = {(route.pattern, route.verbs) for route in all_routes()}
    assert routes == {(line.address, line.verbs) for line in table()}


def test_the_pages_declare_what_the_table_says():
    said = {(line.address, line.verbs): line.who for line in table()}
    pages = [route for route in all_routes() if route.policy != "api token"]
    declared = {(r.pattern, r.verbs): r.policy for r in pages}
    declared["/base-models/fetch/", ("POST",)] = "editor of anything"  # its service asks that
    assert declared == {(r.pattern, r.verbs): said[r.pattern, r.verbs] for r in pages}


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
def cast(project: Project, stranger: User, viewer: User, editor: User, owner: User, admin: User) -> dict[str, User]:
    """Everybody the table speaks of. The members have the same role in the project and in its team."""
    maintainer, removed = (
        User.objects.create_user(f"{name}@example.org", "correct horse battery", name=name.title())
        for name in ("mary", "rex")
    )
    Membership.objects.create(project=project, user=maintainer, role=Role.MAINTAINER)
    roles = zip((viewer, editor, maintainer, owner), ROLES, strict=True)
    for user, role in roles:
        TeamMembership.objects.create(team=project.team, user=user, role=role)
    for place in (project, project.team):
        invitation, _secret = people.invite(to=place, role=Role.EDITOR, days=7, by=owner)
        people.accept(invitation=invitation, user=removed)
    people.remove_member(membership=TeamMembership.objects.get(team=project.team, user=removed), by=owner)
    return {
        "stranger": stranger, "viewer": viewer, "editor": editor, "maintainer": maintainer, "owner": owner,
        "admin": admin, "removed": removed,
    }  # fmt: skip


@pytest.fixture
def address_of(
    run: Run,
    version: ModelVersion,
    batch: Batch,
    corpus: DatasetVersion,
    tokenizer_of: Callable[[DatasetVersion], Tokenizer],
    project: Project,
    viewer: User,
    owner: User,
    cast: dict[str, User],
) -> Callable[[str], str]:
    """Fills an address pattern with the ids of real objects of `project`."""
    data = version.dataset_version
    invitation, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    DatasetVersion.objects.filter(pk=data.pk).update(rejected_count=1)
    (data.folder / "rejected").write_text("a bad line\n", encoding="utf-8")
    thrown = Run.objects.create(
        project=project, name="Gone", dataset_version=data, base_model="tiny", spec=version.spec, state="cancelled",
        queued_at=timezone.now(), ended_at=timezone.now(), deleted_at=timezone.now(),
    )  # fmt: skip
    gone = Project.objects.create(name="Gone", team=project.team, deleted_at=timezone.now())
    values: dict[str, object] = {
        "kind": "run",
        "thing_id": thrown.pk,
        "gone_id": gone.pk,
        "project_id": project.pk,
        "dataset_id": data.dataset_id,
        "run_id": run.pk,
        "model_id": version.model_id,
        "invitation_id": invitation.pk,
        "membership_id": Membership.objects.get(project=project, user=viewer).pk,
        "batch_id": batch.pk,
        "corpus_id": corpus.pk,
        "tokenizer_id": tokenizer_of(corpus).pk,
        "model": "nobody",
        "link_id": sharing.share(version=version, days=1, note="", by=owner).pk,
        "row_id": 0,
        "sample_id": "sms-spam",
        "task": "classification",
        "secret": secret,
        "team_id": project.team_id,
        "group_id": project.team_id,
        "uidb36": "1",
        "key": "set-password",
        "token_id": uuid.uuid4(),
        "user_id": viewer.pk,
        "notice_id": uuid.uuid4(),
        "webhook_id": Webhook.objects.create(
            project=project, url="https://example.org/", events=["run.failed"], sealed_secret=sealing.seal("whsec_")
        ).pk,
    }
    of_team = {
        "invitation_id": people.invite(to=project.team, role=Role.VIEWER, days=7, by=owner)[0].pk,
        "membership_id": TeamMembership.objects.get(team=project.team, user=viewer).pk,
    }

    def fill(pattern: str) -> str:
        own = data.pk if "dataset-versions" in pattern else version.pk
        known = {**values, "version_id": own, **(of_team if pattern.startswith("/teams/") else {})}
        return re.sub(r"[<{](?:\w+:)?(\w+)[>}]|\(\?P<(\w+)>[^)]*\)", lambda m: str(known[m[1] or m[2]]), pattern)

    return fill


def _body(pattern: str, verb: str) -> tuple[bytes, str]:
    """What the API checks before the door is sound in every request, so that it is the door that answers."""
    if verb == "POST" and pattern.endswith("/datasets"):
        form = {"name": "Matrix", "task": "classification", "file": SimpleUploadedFile("a.tsv", b"good\tx\nbad\ty\n")}
        return encode_multipart(BOUNDARY, form), MULTIPART_CONTENT
    if pattern.endswith("/batch"):
        return encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("a.tsv", b"good\n")}), MULTIPART_CONTENT
    if pattern == "/base-models/fetch/":
        return b"id=all-minilm-l6-v2", "application/x-www-form-urlencoded"
    if pattern.startswith(OPENAI):
        return b'{"model": "nobody", "messages": [], "prompt": "good"}', "application/json"
    if not pattern.startswith(API):
        return b"", "application/x-www-form-urlencoded"
    if pattern.endswith("/predict"):
        return b'{"inputs": "good"}', "application/json"
    if pattern.endswith("/tokenizers"):
        corpus_id = DatasetVersion.objects.get(dataset__task="pretraining").pk
        return json.dumps({"dataset_version": str(corpus_id)}).encode(), "application/json"
    if pattern.endswith("/runs"):
        return json.dumps(
            {
                "dataset_version": str(
                    DatasetVersion.objects.filter(dataset__task="classification").order_by("created_at")[0].pk
                ),
                "base_model": "tiny",
            }
        ).encode(), "application/json"
    return b'{"name": "Matrix"}', "application/json"


def ask(
    client: Client, line: Line, verb: str, address: str, user: User | None, token: str | None = None
) -> HttpResponse:
    """One real request, whose effects on the database are taken back."""
    headers: dict[str, Any] = {}
    if user and line.address.startswith(BY_TOKEN):
        token = token or create_token(user=user, name="matrix")[1]
    elif user:
        client.force_login(user)
    if token:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    body, kind = _body(line.address, verb)
    with transaction.atomic():
        answer: Any = client.generic(verb, address, body, content_type=kind, **headers)
        transaction.set_rollback(True)
    client.logout()
    return answer  # type: ignore[no-any-return]  # the test client is untyped


def sends_to_sign_in(answer: HttpResponse) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith("/accounts/login/?next=")


def seen(answer: HttpResponse) -> str:
    """What a principal got, in the words of `answers`."""
    if answer.status_code == 401 or sends_to_sign_in(answer):
        return "gate"
    if answer.status_code in (403, 404):
        return str(answer.status_code)
    assert answer.status_code not in (405, 500), answer.status_code
    return "in"


def _notice_of(user: User) -> Notice:
    entry = AuditEntry.objects.create(action="project.moved", object_kind="project", object_id="", user=user)
    count_unread([user.pk], +1)
    return Notice.objects.create(user=user, entry=entry, kind="shared", url="/")


@pytest.mark.django_db
@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{','.join(line.verbs)} {line.address}")
def test_who_gets_through(line: Line, client: Client, address_of: Callable[[str], str], cast: dict[str, User]):
    got, due = {}, {}
    for verb in line.verbs:
        for principal in PEOPLE:
            user = cast.get(principal)
            address = address_of(line.address)
            if "token_id" in line.address and user:
                address = line.address.replace("<uuid:token_id>", str(create_token(user, "own")[0].pk))
            if "notice_id" in line.address and user:
                address = line.address.replace("<uuid:notice_id>", str(_notice_of(user).pk))
            got[verb, principal] = seen(ask(client, line, verb, address, user))
            due[verb, principal] = answers(line.who, principal)
            if line.address.startswith(SINGLE_SIGN_ON):
                due[verb, principal] = "404"  # off here; tests/accounts/test_single_sign_on.py goes through it
            if line.address.startswith(OPENAI) and line.address != "/v1/models" and due[verb, principal] == "in":
                due[verb, principal] = (
                    "404"  # no model here writes; tests/api/test_openai.py tries the door of one that does
                )
    assert got == due


@pytest.mark.django_db
@pytest.mark.parametrize("line", INSIDE, ids=lambda line: f"{','.join(line.verbs)} {line.address}")
def test_guests_of_a_model_for_everyone_get_what_the_table_says_and_no_more(
    line: Line, client: Client, address_of: Callable[[str], str], cast: dict[str, User]
):
    Model.objects.update(visibility=Visibility.EVERYONE)
    due = "in" if line.guests else "404"
    for verb in line.verbs:
        assert seen(ask(client, line, verb, address_of(line.address), cast["stranger"])) == due, verb


@pytest.mark.django_db
@pytest.mark.parametrize("line", API_LINES, ids=lambda line: f"{','.join(line.verbs)} {line.address}")
def test_what_tokens_of_the_owner_open(
    line: Line, client: Client, address_of: Callable[[str], str], cast: dict[str, User], project: Project
):
    owner, verb, address = cast["owner"], line.verbs[0], address_of(line.address)
    other = projects.create(name="Other", by=owner)
    is_asking = bool(PREDICTING.search(address))
    is_inside = line.who.startswith(("project ", "team "))
    tokens = {
        "read token": (create_token(owner, "t", scope=Scope.READ)[1], "in" if verb == "GET" or is_asking else "403"),
        "predict token": (create_token(owner, "t", scope=Scope.PREDICT)[1], "in" if is_asking else "403"),
        "token of another project": (create_token(owner, "t", project_id=other.pk)[1], "404" if is_inside else "in"),
        "revoked token": (_revoked(owner), "gate"),
    }
    if line.address == f"{API}projects" and verb == "POST":
        tokens["token of another project"] = (tokens["token of another project"][0], "403")
    got = {name: seen(ask(client, line, verb, address, None, token)) for name, (token, _due) in tokens.items()}
    assert got == {name: due for name, (_token, due) in tokens.items()}


def _revoked(owner: User) -> str:
    token, plain = create_token(owner, "t")
    revoke_token(token, by=owner)
    return plain


@pytest.mark.django_db
def test_a_token_does_not_sign_anybody_in_on_the_pages(client: Client, address_of: Callable[[str], str], owner: User):
    plain = create_token(owner, "t")[1]
    for line in LINES:
        if not line.address.startswith(BY_TOKEN) and line.who not in ("public", "holder of a link", "monitoring"):
            answer = ask(client, line, line.verbs[0], address_of(line.address), None, plain)
            assert seen(answer) == "gate", line


@pytest.mark.django_db
def test_verbs_that_are_not_listed_are_refused(client: Client, address_of: Callable[[str], str], cast: dict[str, User]):
    listed: dict[str, set[str]] = {}
    for line in table():
        listed.setdefault(line.address, set()).update(line.verbs)
    for line in INSIDE:
        for verb in set(VERBS) - listed[line.address]:
            answer = ask(client, line, verb, address_of(line.address), cast["owner"])
            assert answer.status_code == 405, (verb, line.address)


@pytest.mark.django_db
def test_a_foreign_thing_and_a_missing_one_answer_alike(
    client: Client, address_of: Callable[[str], str], cast: dict[str, User]
):
    token = create_token(cast["stranger"], "alike")[1]
    for line in INSIDE:
        foreign = address_of(line.address)
        missing = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", str(uuid.uuid4()), foreign)
        is_api = line.address.startswith(API)
        bodies = []
        for address in (foreign, missing):
            answer = ask(
                client, line, line.verbs[0], address, None if is_api else cast["stranger"], token if is_api else None
            )
            assert answer.status_code == 404, line
            text = answer.content.decode().replace(address, "ADDRESS")
            headers = {name: value for name, value in answer.items() if name not in ("Content-Length", "X-Request-ID")}
            bodies.append((re.sub(r'(csrfmiddlewaretoken" value="|X-CSRFToken": ")\w+', "", text), headers))
        assert bodies[0] == bodies[1], line
