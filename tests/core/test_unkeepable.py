"""NUL in a search: PostgreSQL cannot look for it, SQLite can; nobody gets a server's mistake."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token
from nlpstudio.projects.models import Project


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["datasets:list", "runs:list"])
def test_a_search_for_nul_is_a_bad_request_where_it_cannot_be_done(
    client: Client, viewer: User, project: Project, page: str
) -> None:
    client.force_login(viewer)
    answer = client.get(reverse(page, args=[project.pk]), {"q": "\0"})
    assert answer.status_code == (400 if connection.vendor == "postgresql" else 200)


@pytest.mark.django_db(transaction=True)
def test_openais_clients_are_told_in_their_shape(client: Client, viewer: User) -> None:
    key = create_token(viewer, "test")[1]
    body = {"model": "\0", "prompt": "good"}
    answer = client.post("/v1/completions", body, "application/json", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == (400 if connection.vendor == "postgresql" else 404)
    assert answer.json()["error"]["code"] in ("invalid_value", "model_not_found")
