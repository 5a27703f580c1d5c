"""It does not start insecure, and says why; with the settings of a real installation `check --deploy` is silent."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nlpstudio.config.insecure import reasons

ROOT = Path(__file__).parents[2]
GOOD = {
    "DEBUG": False,
    "ALLOWED_HOSTS": ["studio.example.org"],
    "PUBLIC_URL": "https://studio.example.org",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "REDIS_URL": "redis://:secret@redis:6379/0",
    "DATABASE_URL": "postgres://studio:secret@db/studio",
}


def test_a_sound_installation_has_nothing_against_it():
    assert reasons(SimpleNamespace(**GOOD)) == []
    assert reasons(SimpleNamespace(**{**GOOD, "REDIS_URL": "unix:///run/valkey.sock", "DATABASE_URL": ""})) == []
    at_home = {"DEBUG": True, "ALLOWED_HOSTS": ["localhost", "127.0.0.1"], "PUBLIC_URL": ""}
    assert reasons(SimpleNamespace(**{**GOOD, **at_home}), "127.0.0.1") == []


@pytest.mark.parametrize(
    ("bad", "host", "words"),
    [
        ({"DEBUG": True}, "", "Unset DEBUG"),
        ({"DEBUG": True, "ALLOWED_HOSTS": ["localhost"], "PUBLIC_URL": ""}, "0.0.0.0", "Unset DEBUG"),
        ({"ALLOWED_HOSTS": ["*"]}, "", "ALLOWED_HOSTS is *"),
        ({"SECRET_KEY": "secret" * 10}, "", "SECRET_KEY can be guessed"),
        ({"SECRET_KEY": "django-insecure-" + "abcdefghijklmnopqrstuvwxyz" * 2}, "", "SECRET_KEY can be guessed"),
        ({"REDIS_URL": "redis://redis:6379/0"}, "", "REDIS_URL names a server"),
        ({"DATABASE_URL": "postgres://studio@db/studio"}, "", "DATABASE_URL names a server"),
    ],
)
def test_each_insecure_setting_is_named(bad: dict[str, object], host: str, words: str):
    found = reasons(SimpleNamespace(**{**GOOD, **bad}), host)
    assert len(found) == 1 and words in found[0]


def run(home: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DJANGO_", "STUDIO_", "DATABASE", "SECRET", "OIDC_"))
    }
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**kept, "STUDIO_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"SECRET_KEY": "short"}, "at least 32 characters"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS is *"),
        ({"DEBUG": "true", "PUBLIC_URL": "https://studio.example.org"}, "Unset DEBUG"),
        ({"OIDC_SERVER_URL": "https://id.example.org"}, "OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
    ],
)
def test_the_studio_and_the_web_process_refuse_and_say_why(tmp_path: Path, environment: dict[str, str], words: str):
    for command in (("manage.py", "studio", "--port", "1"), ("-c", "import nlpstudio.config.asgi")):
        done = run(tmp_path, *command, **environment)
        assert done.returncode != 0 and words in done.stderr, done.stderr


def test_the_check_for_deployment_is_silent(tmp_path: Path):
    sign_on = {"SERVER_URL": "https://id.example.org", "CLIENT_ID": "studio", "CLIENT_SECRET": "x"}
    environment = {"PUBLIC_URL": "https://studio.example.org", **{f"OIDC_{key}": sign_on[key] for key in sign_on}}
    done = run(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **environment)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout
