"""What monitoring sees, who may look, and what is never written to a log."""

from __future__ import annotations

import json
import logging
import sys

import pytest
from django.conf import LazySettings
from django.test import Client

from nlpstudio.core import logs
from nlpstudio.core.logs import JsonFormatter, hidden


@pytest.mark.django_db
def test_this_machine_reads_the_metrics_and_others_learn_nothing(client: Client) -> None:
    client.get("/healthz")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert 'nlpstudio_runs{state="queued"} 0.0' in text
    assert 'nlpstudio_requests_total{status="200",verb="GET"}' in text
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.7").status_code == 404
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 404


@pytest.mark.django_db
def test_with_a_token_only_its_holders_read_them(client: Client, settings: LazySettings) -> None:
    settings.METRICS_TOKEN = "a-long-token"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    allowed = client.get("/metrics", headers={"Authorization": "Bearer a-long-token"}, REMOTE_ADDR="192.0.2.7")
    assert allowed.status_code == 200


@pytest.mark.parametrize(
    "words",
    [
        "Authorization: Bearer nlps_abcDEF-123secret",
        "postgres://studio:hunter2secret@host/db",
        "password=hunter2secret",
        '{"token": "hunter2secret"}',
        "GET /accounts/link/hunter2secret/",
        "/invitations/hunter2secret/",
        "sessionid=hunter2secret; x=1",
    ],
)
def test_secrets_are_not_logged(words: str) -> None:
    assert "secret" not in hidden(words).removeprefix("Authorization")


def test_a_json_line_names_its_request_and_run_and_hides_secrets() -> None:
    try:
        raise ValueError("redis://u:hunter2@h")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "password=%s", ("hunter2",), sys.exc_info())
    token = logs.REQUEST.set("r" * 16)
    try:
        line = json.loads(JsonFormatter().format(record))
    finally:
        logs.REQUEST.reset(token)
    assert line["request"] == "r" * 16 and line["level"] == "error"
    assert "hunter2" not in json.dumps(line)


def test_an_answer_names_its_request_by_the_callers_id_if_it_is_sound(client: Client) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "abcdefgh-1"})["X-Request-ID"] == "abcdefgh-1"
    assert len(client.get("/healthz", headers={"X-Request-ID": "bad id\n"})["X-Request-ID"]) == 32
