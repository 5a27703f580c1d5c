"""Load balancers get short answers; strangers get pages in the look."""

from __future__ import annotations

import pytest
from django.test import Client

from nlpstudio.core import workers


def test_the_process_says_that_it_lives(client: Client):
    assert client.get("/healthz").content == b"ok"


@pytest.mark.django_db
def test_the_process_says_that_it_is_ready(client: Client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"database": True, "broker": True}


@pytest.mark.django_db
def test_the_light_tells_whether_a_worker_is_alive(client: Client, owner):
    client.force_login(owner)
    assert "is-off" in client.get("/worker-light/").content.decode()
    workers.beat("train@here", "train")
    assert "Worker ready" in client.get("/worker-light/").content.decode()


@pytest.mark.django_db
def test_an_unknown_page_is_a_404_in_the_look(client: Client):
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert "Nothing here" in answer.content.decode()


@pytest.mark.django_db
def test_pages_allow_only_what_is_ours(client: Client):
    answer = client.get("/accounts/login/")
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
