"""A version on its way to the Hub: the real client in a real process, against a small Hub of our own on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.registry import pushing
from nlpstudio.registry.models import HubPush, JobState, ModelVersion

COMMIT = "abcdef1234567890abcdef1234567890abcdef12"
TOKEN = "hf_for_this_one_time"
REPO = "olivia/sentiment"


class _Hub(BaseHTTPRequestHandler):
    """What huggingface_hub asks when it makes a repository, commits files, and downloads them again."""

    files: dict[str, bytes]
    spoilt: bool

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._send(b"{}", "application/json", 403)
        elif self.path == "/api/repos/create":
            self._json({"url": f"http://{self.headers['Host']}/{REPO}"})
        elif self.path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            self._json({"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            if self.spoilt:
                config = json.loads(self.files["config.json"])
                config["layer_norm_eps"] = 0.5
                self.files["config.json"] = json.dumps(config).encode()
            self._json({"commitOid": COMMIT, "commitUrl": f"http://{self.headers['Host']}/{REPO}/commit/{COMMIT}"})
        else:
            self.send_error(404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if path.startswith(f"/api/models/{REPO}/revision/"):
            self._json({"id": REPO, "sha": COMMIT, "siblings": [{"rfilename": each} for each in self.files]})
        elif path.startswith(f"/api/models/{REPO}/tree/"):
            entries = [{"type": "file", "path": n, "size": len(b), "oid": "0" * 40} for n, b in self.files.items()]
            self._json(entries)
        elif name in self.files:
            self._send(self.files[name], "application/octet-stream")
        else:
            self.send_error(404)

    def _json(self, content: object) -> None:
        self._send(json.dumps(content).encode(), "application/json")

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "X-Repo-Commit": COMMIT}
        headers["ETag"] = f'"{hashlib.sha1(body).hexdigest()}"'
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Hub]]:
    kind = type("Hub", (_Hub,), {"files": {}, "spoilt": False})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield kind
    server.shutdown()
    thread.join()


def ended(version: ModelVersion) -> HubPush:
    """The latest push, once its thread has written how it ended."""
    deadline = time.monotonic() + 180
    while (row := HubPush.objects.filter(version=version).first()) is None or row.state == JobState.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return row


@pytest.mark.slow
def test_a_version_arrives_whole_is_tried_and_its_token_is_kept_nowhere(
    transactional_db: None,
    client: Client,
    editor: User,
    version: ModelVersion,
    hub: type[_Hub],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client.force_login(editor)
    given = {"repo": REPO, "token": TOKEN, "private": "on"}
    assert client.post(reverse("registry:push", args=[version.pk]), given).status_code == 302
    row = ended(version)
    assert (row.state, row.commit, row.private) == (JobState.FINISHED, COMMIT, True), row.error_message
    assert hub.files["model.safetensors"] == (version.artifact / "model.safetensors").read_bytes()
    assert {"README.md", "config.json", "tokenizer.json", "manifest.json"} <= set(hub.files)
    page = client.get(reverse("registry:serving", args=[version.pk])).content.decode()
    assert REPO in page and COMMIT[:12] in page
    assert AuditEntry.objects.filter(action="model.pushed").exists()
    assert TOKEN not in page + caplog.text
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert TOKEN not in str(cursor.fetchall())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "spoilt", "words"), [("hf_wrong", False, "may not write"), (TOKEN, True, "does not predict")]
)
def test_a_refusal_and_a_spoilt_copy_are_told_in_words(
    editor: User, version: ModelVersion, hub: type[_Hub], token: str, spoilt: bool, words: str
) -> None:
    hub.spoilt = spoilt
    row = HubPush.objects.create(version=version, repo=REPO, asked_by=editor)
    pushing._conclude(row, *pushing._run(row, token))
    row.refresh_from_db()
    assert row.state == JobState.FAILED and words in row.error_message


def test_one_upload_at_a_time_and_only_with_a_sound_form(client: Client, editor: User, version: ModelVersion) -> None:
    client.force_login(editor)
    url = reverse("registry:push", args=[version.pk])
    for given in ({"repo": "no-owner", "token": "x"}, {"repo": REPO, "token": ""}, {"repo": "../a/b", "token": "x"}):
        assert client.post(url, given).status_code == 422
    HubPush.objects.create(version=version, repo=REPO, asked_by=editor)
    client.post(url, {"repo": REPO, "token": "x"})
    assert HubPush.objects.count() == 1
