"""Every address says who may use it, and does what it says."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client

from nlpstudio.config.routes import all_routes

LIBRARY = "/accounts/"


def test_every_route_declares_its_policy():
    assert [route.pattern for route in all_routes() if route.policy == "undeclared"] == []


def test_the_routes_command_prints_them_as_json():
    out = StringIO()
    call_command("routes", "--json", stdout=out)
    routes = json.loads(out.getvalue())
    assert {"pattern", "name", "verbs", "policy"} == set(routes[0])
    assert len(routes) == len(all_routes())


@pytest.mark.django_db
def test_the_api_needs_a_token_everywhere_but_where_it_says_so(client: Client):
    for route in all_routes():
        if route.pattern.startswith("/api/v1/") and route.policy == "api token":
            path = re.sub(r"\{\w+\}", "00000000-0000-0000-0000-000000000000", route.pattern)
            answer = client.generic(route.verbs[0], path)
            assert answer.status_code == 401, (route, answer.status_code)
            assert answer.json()["error"]["code"] == "unauthorized"
