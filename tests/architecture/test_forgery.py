"""No request from a foreign page changes anything: every unsafe page route refuses without the form's token (P6)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from nlpstudio.accounts.models import User
from tests.architecture.test_permissions import BY_TOKEN, LINES


@pytest.mark.django_db
def test_every_unsafe_page_route_needs_the_token_of_its_form(address_of: Callable[[str], str], cast: dict[str, User]):
    client = Client(enforce_csrf_checks=True)
    tried = 0
    for line in LINES:
        for verb in set(line.verbs) - {"GET"}:
            if line.address.startswith(BY_TOKEN):
                continue
            client.force_login(cast["owner"])
            foreign = {"HTTP_ORIGIN": "https://evil.example", "HTTP_COOKIE": ""}
            for headers in ({}, {"HTTP_ORIGIN": foreign["HTTP_ORIGIN"]}):
                answer = client.generic(
                    verb, address_of(line.address), b"", "application/x-www-form-urlencoded", **headers
                )
                assert answer.status_code == 403, (verb, line.address, answer.status_code)
                tried += 1
    assert tried > 60


@pytest.mark.django_db
def test_a_cookie_opens_nothing_of_the_api(address_of: Callable[[str], str], cast: dict[str, User], client: Client):
    for line in LINES:
        if line.address.startswith(BY_TOKEN) and line.who != "public":
            client.force_login(cast["owner"])
            answer = client.generic(line.verbs[0], address_of(line.address), b"{}", "application/json")
            assert answer.status_code == 401, line
            assert "Access-Control-Allow-Origin" not in answer
