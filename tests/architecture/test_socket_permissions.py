"""The websockets of the table of permissions: who gets messages, who is closed, and how soon after being shut out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import ApiToken, Scope, User
from nlpstudio.projects import people
from nlpstudio.projects.models import Membership, Project, Role, TeamMembership
from nlpstudio.runs.models import Run
from tests.architecture.test_permissions import PEOPLE, Line, answers, table
from tests.runs.conftest import base_models, dataset_version, make_run, run, spec, studio
from tests.runs.test_sockets import OWN, cookie_of, socket, token_of

__all__ = ["base_models", "dataset_version", "make_run", "run", "spec", "studio"]

pytestmark = pytest.mark.django_db(transaction=True)
SOCKET_LINES = [line for line in table() if "WEBSOCKET" in line.verbs]
CLOSED = {4401: "gate", 4403: "403", 4404: "404"}
PROMISED_S = 5.0
BUSY_S = 10.0
"""What a machine with other work to do may take on top; here it is about half a second in all."""


@pytest.fixture
def address_of(run: Run, project: Project) -> Callable[[str], str]:
    values = {"run_id": run.pk, "project_id": project.pk, "team_id": project.team_id}
    return lambda pattern: re.sub(r"<\w+:(\w+)>", lambda match: str(values[match[1]]), pattern)


async def heard(opened: WebsocketCommunicator) -> str:
    """What a principal got, in the words of `answers`. A socket that is open without a word is `in`."""
    if not (await opened.connect(timeout=10))[0]:
        return "refused"
    if await opened.receive_nothing(timeout=0.4):
        await opened.disconnect()
        return "in"
    said: dict[str, Any] = await opened.receive_output(timeout=5)
    if said["type"] == "websocket.close":
        return CLOSED[said["code"]]
    await opened.disconnect()
    return "in"


@pytest.mark.parametrize("line", SOCKET_LINES, ids=lambda line: line.address)
async def test_who_gets_messages(line: Line, address_of: Callable[[str], str], cast: dict[str, User]):
    got = {}
    for principal in PEOPLE:
        headers = [(b"cookie", await cookie_of(cast[principal]))] if principal in cast else []
        got[principal] = await heard(await socket(address_of(line.address), *headers, (b"origin", OWN)))
    assert got == {principal: answers(line.who, principal) for principal in PEOPLE}


async def test_a_token_that_may_only_ask_models_follows_no_run(run: Run, viewer: User):
    plain = (await sync_to_async(accounts.create_token)(viewer, "t", scope=Scope.PREDICT))[1]
    header = (b"authorization", f"Bearer {plain}".encode())
    assert await heard(await socket(f"/ws/runs/{run.pk}/events/", header)) == "gate"


@sync_to_async
def remove_from_project(user: User, project: Project, owner: User) -> None:
    people.remove_member(membership=Membership.objects.get(project=project, user=user), by=owner)


@sync_to_async
def remove_from_team(user: User, project: Project, owner: User) -> None:
    """`user` is in the project by the team alone."""
    people.remove_member(membership=TeamMembership.objects.get(team=project.team, user=user), by=owner)


@sync_to_async
def revoke_tokens(user: User, project: Project, owner: User) -> None:
    for token in ApiToken.objects.filter(user=user):
        accounts.revoke_token(token, by=user)


@pytest.mark.parametrize(
    ("deed", "code"), [(remove_from_project, 4404), (remove_from_team, 4404), (revoke_tokens, 4401)]
)
async def test_an_idle_socket_closes_soon_after_its_user_is_shut_out(
    deed: Any, code: int, run: Run, project: Project, owner: User, viewer: User, stranger: User
):
    who = stranger if deed is remove_from_team else viewer
    for user, role in ((owner, Role.OWNER), (stranger, Role.EDITOR)):
        await TeamMembership.objects.acreate(team=project.team, user=user, role=role)
    credential = (b"authorization", await token_of(who))
    opened = await socket(f"/ws/runs/{run.pk}/events/", credential)
    assert (await opened.connect(timeout=10))[0]
    assert await opened.receive_nothing(timeout=0.5)
    await deed(who, project, owner)
    began = time.monotonic()
    assert await opened.receive_output(timeout=30) == {"type": "websocket.close", "code": code}
    assert time.monotonic() - began < PROMISED_S + BUSY_S
