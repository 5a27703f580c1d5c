"""Live updates, with real users, real sessions and the whole socket stack."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.test import Client

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import User
from nlpstudio.config.asgi import application
from nlpstudio.projects import people
from nlpstudio.projects.models import Membership, Project, Role
from nlpstudio.runs import leases, services
from nlpstudio.runs.leases import Lease
from nlpstudio.runs.models import Run
from nlpstudio.runs.recording import Recorder
from tests.runs import trainer
from tests.runs.conftest import work

pytestmark = pytest.mark.django_db(transaction=True)
OWN = b"http://localhost"


@sync_to_async
def cookie_of(user: User) -> bytes:
    client = Client()
    client.force_login(user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}".encode()


@sync_to_async
def token_of(user: User) -> bytes:
    return f"Bearer {accounts.create_token(user, 'test')[1]}".encode()


async def socket(path: str, *headers: tuple[bytes, bytes]) -> WebsocketCommunicator:
    return WebsocketCommunicator(application, path, headers=list(headers))


async def events_of(run: Run, user: User, after: int = 0) -> WebsocketCommunicator:
    path = f"/ws/runs/{run.pk}/events/?after={after}"
    opened = await socket(path, (b"cookie", await cookie_of(user)), (b"origin", OWN))
    assert (await opened.connect())[0]
    return opened


async def seqs(opened: WebsocketCommunicator, count: int) -> list[int]:
    return [json.loads(await opened.receive_from(timeout=5))["seq"] for _ in range(count)]


@sync_to_async
def recorder_of(run: Run) -> Recorder:
    claimed = leases.claim("worker")
    assert claimed is not None
    return Recorder(claimed, Lease(run_id=claimed.pk, fence=claimed.fence))


def spoken(recorder: Recorder, *numbers: int) -> Callable[[], Awaitable[bool]]:
    lines = [json.dumps({"at": 1000.0 + n, **trainer.step(n).to_json()}).encode() for n in numbers]
    return lambda: sync_to_async(recorder.take)(lines)


async def test_a_follower_gets_what_was_and_then_what_is_new_once_and_in_order(run: Run, viewer: User) -> None:
    recorder = await recorder_of(run)
    await spoken(recorder, 1, 2, 3)()
    opened = await events_of(run, viewer, after=1)
    assert await seqs(opened, 2) == [2, 3]
    await spoken(recorder, 4, 5)()
    await spoken(recorder, 6)()
    assert await seqs(opened, 3) == [4, 5, 6]
    assert await opened.receive_nothing(timeout=0.3)
    await opened.disconnect()


async def test_a_whole_run_reaches_a_late_follower(run: Run, viewer: User) -> None:
    await sync_to_async(work)("well")
    opened = await events_of(run, viewer)
    assert await seqs(opened, 26) == list(range(1, 27))
    await opened.disconnect()


async def test_a_lost_wake_up_call_costs_seconds_and_no_event(run: Run, viewer: User, settings: Any) -> None:
    recorder = await recorder_of(run)
    opened = await events_of(run, viewer)
    assert await opened.receive_nothing(timeout=0.5)
    settings.CHANNEL_LAYERS = {}  # calls now go nowhere
    await spoken(recorder, 1)()
    assert await seqs(opened, 1) == [1]
    await opened.disconnect()


async def test_the_page_gets_fragments_that_changed(run: Run, editor: User) -> None:
    path = f"/ws/runs/{run.pk}/"
    opened = await socket(path, (b"cookie", await cookie_of(editor)), (b"origin", OWN))
    assert (await opened.connect())[0]
    first = await opened.receive_from(timeout=5)
    assert 'id="run-state"' in first
    assert "Queued" in first
    await sync_to_async(services.cancel)(run=run, by=editor)
    second = await opened.receive_from(timeout=5)
    assert "Cancelled" in second
    assert 'id="run-notes"' not in second
    await opened.disconnect()


async def test_fragments_speak_the_language_of_the_page_and_hide_buttons_from_viewers(run: Run, viewer: User) -> None:
    opened = await socket(f"/ws/runs/{run.pk}/?lang=zh-hans", (b"cookie", await cookie_of(viewer)), (b"origin", OWN))
    assert (await opened.connect())[0]
    assert "run-cancel" not in await opened.receive_from(timeout=5)
    await opened.disconnect()


async def test_who_looks_on_is_told_on_when_the_first_to_look_is_removed(
    run: Run, viewer: User, owner: User, stranger: User, project: Project
) -> None:
    await sync_to_async(Membership.objects.create)(project=project, user=stranger, role=Role.VIEWER)
    opened = []
    for user in (viewer, stranger):
        each = await socket(f"/ws/runs/{run.pk}/", (b"cookie", await cookie_of(user)), (b"origin", OWN))
        assert (await each.connect())[0]
        assert "Queued" in await each.receive_from(timeout=5)
        opened.append(each)
    membership = await sync_to_async(Membership.objects.get)(user=viewer, project=project)
    await sync_to_async(people.remove_member)(membership=membership, by=owner)
    assert (await opened[0].receive_output(timeout=5))["code"] == 4404
    await sync_to_async(services.cancel)(run=run, by=owner)
    assert "Cancelled" in await opened[1].receive_from(timeout=5)
    await opened[1].disconnect()


@pytest.mark.parametrize("path", ["/ws/runs/{}/", "/ws/runs/{}/events/"])
async def test_a_stranger_and_nobody_are_shut_out(run: Run, stranger: User, path: str) -> None:
    for headers, code in (([(b"cookie", await cookie_of(stranger))], 4404), ([], 4401)):
        opened = await socket(path.format(run.pk), *headers, (b"origin", OWN))
        assert (await opened.connect())[0]
        assert await opened.receive_output(timeout=5) == {"type": "websocket.close", "code": code}


async def test_a_member_who_is_removed_is_shut_out_in_mid_stream(run: Run, viewer: User, owner: User) -> None:
    recorder = await recorder_of(run)
    opened = await events_of(run, viewer)
    assert await opened.receive_nothing(timeout=0.3)
    membership = await sync_to_async(Membership.objects.get)(user=viewer)
    await sync_to_async(people.remove_member)(membership=membership, by=owner)
    await spoken(recorder, 1)()
    assert (await opened.receive_output(timeout=5))["code"] == 4404


async def test_a_user_who_signs_out_or_is_shut_off_gets_nothing_more(run: Run, viewer: User) -> None:
    opened = await events_of(run, viewer)
    assert await opened.receive_nothing(timeout=0.3)
    await sync_to_async(User.objects.filter(pk=viewer.pk).update)(is_active=False)
    assert (await opened.receive_output(timeout=8))["code"] == 4401


async def test_a_token_opens_the_stream_without_an_origin(run: Run, viewer: User) -> None:
    await sync_to_async(work)("well")
    opened = await socket(f"/ws/runs/{run.pk}/events/", (b"authorization", await token_of(viewer)))
    assert (await opened.connect())[0]
    assert await seqs(opened, 2) == [1, 2]
    await opened.disconnect()


async def test_a_bad_token_or_one_in_the_address_opens_nothing(run: Run, viewer: User) -> None:
    token = await token_of(viewer)
    bad = await socket(f"/ws/runs/{run.pk}/events/", (b"authorization", b"Bearer nonsense"))
    assert (await bad.connect())[0]
    assert (await bad.receive_output(timeout=5))["code"] == 4401
    plain = token.removeprefix(b"Bearer ").decode()
    in_address = await socket(f"/ws/runs/{run.pk}/events/?token={plain}", (b"origin", OWN))
    assert (await in_address.connect())[0]
    assert (await in_address.receive_output(timeout=5))["code"] == 4401


@pytest.mark.parametrize("origin", [b"http://evil.example", b"null", b"http://localhost.evil.example", None])
async def test_a_foreign_site_cannot_use_a_visitors_cookie(run: Run, viewer: User, origin: bytes | None) -> None:
    headers = [(b"cookie", await cookie_of(viewer)), *([(b"origin", origin)] if origin else [])]
    opened = await socket(f"/ws/runs/{run.pk}/events/", *headers)
    assert not (await opened.connect())[0]
