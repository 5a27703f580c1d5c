"""Two web processes are one studio: tries at a password count together, and who is removed at one is gone at the other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.flows.program import Program
from tests.studio import ADMIN, PASSWORD, PATIENCE, ROOT, START_SECONDS, Studio, free_port, until

pytestmark = pytest.mark.timeout(300)
ROSA = "rosa@example.org"
TRIES = 5
"""Wrong passwords of one account within five minutes, as docs/threat-model.md has it (C2)."""
PROMISED_SECONDS = 5.0
LOGIN = "/accounts/login/"


@pytest.fixture(scope="module")
def webs(studio: Studio) -> Iterator[tuple[str, str]]:
    """The addresses of the studio's web process and of a second one beside it, begun as docs/deploy.md says."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "nlpstudio.config.asgi:application", "--port", str(port)]
    more = ["--host", "127.0.0.1", "--no-access-log", "--ws-max-size", "65536", "--log-level", "warning"]
    process = subprocess.Popen([*command, *more], cwd=ROOT, env=studio.environment)
    address = f"http://localhost:{port}"

    def is_ready() -> bool:
        assert process.poll() is None
        try:
            return httpx.get(f"{address}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(is_ready, START_SECONDS, "the second web process is ready")
        yield studio.address, address
    finally:
        process.terminate()
        process.wait(30 * PATIENCE)


@pytest.fixture(scope="module")
def rosa(program: Program) -> dict[str, Any]:
    """A member of the program's project, with a token for it."""
    made = program.studio.manage(
        "shell",
        "-c",
        "import json\n"
        "from nlpstudio.accounts.services import create_token, create_user\n"
        "from nlpstudio.projects.models import Membership\n"
        f"user = create_user(email={ROSA!r}, name='Rosa', password={PASSWORD!r})\n"
        f"member = Membership.objects.create(project_id={program.project!r}, user=user, role='viewer')\n"
        f"plain = create_token(user, 't', project_id={program.project!r})[1]\n"
        "print(json.dumps({'membership': member.pk, 'token': plain}))",
    )
    found: dict[str, Any] = json.loads(made.splitlines()[-1])
    return found


def browser(address: str, comes_from: str) -> httpx.Client:
    """A visitor with this address of their own, as a proxy on this machine tells it."""
    return httpx.Client(base_url=address, headers={"X-Forwarded-For": comes_from}, timeout=60)


def send(visitor: httpx.Client, page: str, **form: str) -> httpx.Response:
    """Fill in a form of the sign-in page's visitor; it carries the token of their cookie."""
    if "csrftoken" not in visitor.cookies:
        visitor.get(LOGIN)
    return visitor.post(page, data={**form, "csrfmiddlewaretoken": visitor.cookies["csrftoken"]})


def sign_in(visitor: httpx.Client, email: str, password: str = PASSWORD) -> httpx.Response:
    return send(visitor, LOGIN, login=email, password=password)


def test_tries_at_both_count_together_also_at_the_same_moment(webs: tuple[str, str], rosa: dict[str, Any]) -> None:
    turns = cycle(webs)
    visitors = [browser(next(turns), f"192.0.2.{number}") for number in range(2 * TRIES)]
    for visitor in visitors:
        visitor.get(LOGIN)
    with ThreadPoolExecutor(len(visitors)) as crowd:
        answers = list(crowd.map(lambda visitor: sign_in(visitor, ROSA, "wrong").text, visitors))
    tried = [answer for answer in answers if "Too many failed login attempts" not in answer]
    assert 1 <= len(tried) <= TRIES
    for number, web in enumerate(webs):  # the right password comes too late at either
        answer = sign_in(browser(web, f"192.0.2.{100 + number}"), ROSA)
        assert answer.status_code == 200 and "Too many failed login attempts" in answer.text
    assert sign_in(browser(webs[1], "192.0.2.200"), ADMIN).status_code == 302  # others are not held up


def closed_by(socket: ClientConnection) -> int:
    """Waits for the end of the socket; the code that it was closed with."""
    try:
        while True:
            socket.recv(timeout=30 * PATIENCE)
    except ConnectionClosed as end:
        assert end.rcvd is not None
        return end.rcvd.code


def test_a_member_removed_at_one_loses_the_socket_and_the_token_at_the_other(
    webs: tuple[str, str], program: Program, rosa: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    here, there = webs
    run = program.finished("classification")["id"]
    bearer = {"Authorization": f"Bearer {rosa['token']}"}
    asks = httpx.Client(base_url=f"{here}/api/v1/", headers=bearer, timeout=30)
    assert asks.get(f"runs/{run}").status_code == 200
    owner = browser(there, "192.0.2.201")
    assert sign_in(owner, ADMIN).status_code == 302
    address = f"{here.replace('http', 'ws', 1)}/ws/runs/{run}/events/"
    with connect(address, additional_headers=bearer) as socket, ThreadPoolExecutor(1) as listener:
        assert json.loads(socket.recv(timeout=30 * PATIENCE))["seq"] == 1
        end = listener.submit(lambda: (closed_by(socket), time.monotonic()))
        answer = send(owner, f"/projects/{program.project}/members/{rosa['membership']}/remove/")
        removed = time.monotonic()
        assert answer.status_code == 302
        until(lambda: asks.get(f"runs/{run}").status_code == 404, PROMISED_SECONDS, "the token is dead")
        token_seconds = time.monotonic() - removed
        code, closed = end.result()
    socket_seconds = max(0.0, closed - removed)
    record_property("seconds until the socket was closed", round(socket_seconds, 3))
    record_property("seconds until the token was dead", round(token_seconds, 3))
    assert code == 4404 and socket_seconds < PROMISED_SECONDS * PATIENCE
