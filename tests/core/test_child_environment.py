"""What a child of a worker knows of our environment: none of twelve planted secrets (P8)."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from nlpstudio.core.engine_process import kept
from nlpstudio.engine.environment import child_environment

PLANTED = (
    "SECRET_KEY", "DATABASE_URL", "REDIS_URL", "STUDIO_ADMIN_PASSWORD", "EMAIL_URL", "STORAGE_URL", "HF_TOKEN",
    "AWS_SECRET_ACCESS_KEY", "STUDIO_METRICS_TOKEN", "OIDC_CLIENT_SECRET", "POSTGRES_PASSWORD", "PIP_INDEX_URL",
)  # fmt: skip


def test_no_secret_reaches_a_training_process(monkeypatch: pytest.MonkeyPatch):
    for name in PLANTED:
        monkeypatch.setenv(name, f"planted-{name}")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept() | child_environment(), capture_output=True, text=True
    )
    assert "planted-" not in done.stdout and "PATH" in json.loads(done.stdout)
    assert os.environ["SECRET_KEY"].startswith("planted-")
