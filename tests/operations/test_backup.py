"""A backup holds everything, comes back on either engine, and is refused whole when one byte of it is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from nlpstudio.operations import backup, restore
from nlpstudio.runs.models import Run
from tests.operations.conftest import members
from tests.postgres import server_url
from tests.studio import ROOT, environment

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]


@pytest.fixture
def saved(finished: Run, tmp_path: Path) -> Path:
    path = tmp_path / "all.backup"
    backup.write(path)
    return path


def manage(home: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment(home, home / "none") | {"DJANGO_SETTINGS_MODULE": "nlpstudio.config.settings.base", **env},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_it_holds_every_row_and_file_and_is_readable_by_its_owner_alone(saved: Path, finished: Run) -> None:
    index = restore.verify(saved)
    names = {member.name: member for member in index.members}
    assert names["rows/runs.run.jsonl.gz"].rows == 1
    assert names["rows/accounts.user.jsonl.gz"].rows == 3
    assert finished.model_version is not None
    assert f"files/models/{finished.model_version.pk}/model/model.safetensors" in names
    assert f"files/runs/{finished.pk}/log.txt" in names
    assert saved.stat().st_mode & 0o077 == 0
    assert not any("session" in name for name in names)


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("runs.run.jsonl", flipped),
        ("model.safetensors", flipped),
        ("model.safetensors", lambda data: None),
        ("backup.json", lambda data: None),
        ("backup.json", lambda data: data.replace(b'"format": 1', b'"format": 9')),
        ("backup.json", lambda data: data.replace(b"files/models/", b"files/../../x")),
    ],
    ids=["a row", "a weight", "a missing file", "no index", "another format", "a place outside"],
)
def test_a_damaged_backup_is_refused(
    saved: Path, tampered: Callable[..., Path], name: str, change: Callable[[bytes], Any]
) -> None:
    with pytest.raises(restore.Refused):
        restore.verify(tampered(saved, name, change))


def test_a_backup_that_was_cut_short_is_none(saved: Path) -> None:
    with saved.open("r+b") as file:
        file.truncate(saved.stat().st_size // 2)
    with pytest.raises(restore.Refused):
        restore.verify(saved)


def test_it_never_takes_anothers_place_and_leaves_no_draft(saved: Path) -> None:
    with pytest.raises(FileExistsError):
        backup.write(saved)
    assert [path.name for path in saved.parent.glob("*backup*")] == [saved.name]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_it_comes_back_on_either_engine_with_equal_rows_and_files(saved: Path, tmp_path: Path, engine: str) -> None:
    home, env = tmp_path / "home", dict[str, str]()
    if engine == "postgresql":
        server = server_url()
        if server is None:
            pytest.skip("no PostgreSQL here")
        name = f"restored_{uuid.uuid4().hex[:8]}"
        env["DATABASE_URL"] = server.rpartition("/")[0] + f"/{name}"
        folder = server.partition("@/")[2].rpartition("/")[0]
        user = server.partition("://")[2].partition("@")[0]
        with psycopg.connect(host=folder, user=user, dbname="postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
    done = manage(home, "restore", str(saved), **env)
    assert done.returncode == 0, done.stderr
    examined = manage(home, "doctor", "--json", **env)
    assert json.loads(examined.stdout)["ok"], examined.stdout
    again = tmp_path / "again.backup"
    assert manage(home, "backup", str(again), **env).returncode == 0
    assert members(again) == members(saved)
    refused = manage(home, "restore", str(saved), **env)
    assert refused.returncode == 1 and "--replace" in refused.stderr


def test_a_restore_of_a_damaged_backup_changes_nothing(
    saved: Path, tampered: Callable[..., Path], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = manage(home, "restore", str(tampered(saved, "model.safetensors", flipped)))
    assert done.returncode == 1 and "damaged" in done.stderr
    assert not (home / "files").exists() and not (home / "db.sqlite3").exists()


def test_an_upgrade_saves_the_rows_first(saved: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert manage(home, "restore", str(saved)).returncode == 0
    assert manage(home, "migrate", "quotas", "zero").returncode == 0
    done = manage(home, "shell", "-c", "from nlpstudio.operations import upgrade; upgrade.migrate(print)")
    assert done.returncode == 0, done.stderr
    (made,) = (home / "backups").glob("before-upgrade-*.backup")
    found, before = members(made), members(saved)
    assert "rows/quotas.quota.jsonl.gz" not in found
    assert found["rows/runs.run.jsonl.gz"] == before["rows/runs.run.jsonl.gz"]
    fresh = tmp_path / "fresh"
    back = manage(fresh, "restore", str(made))
    assert back.returncode == 0, back.stderr
    assert (fresh / "db.sqlite3").exists()
