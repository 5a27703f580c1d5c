"""A backup under load, everything wiped, and back on the other engine: `python -m bench.restore_drill`.

A studio trains tiny models and takes uploads while `backup` runs. Then it is killed and its home removed. The backup is
restored into a new home, on SQLite and on PostgreSQL, and saved again from there. All files must have the same sha256,
all tables the same content (but for the runs that were under way, which go back into the queue), the doctor must find
all well, and a model must answer with the same scores to the last digit. Times are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
import httpx
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nlpstudio.config.settings.test")
django.setup()  # the helpers of the tests import models

from tests.flows.program import PARAMS, Program  # noqa: E402
from tests.postgres import server_url  # noqa: E402
from tests.studio import ROOT, Studio, running  # noqa: E402
from tests.tiny import sentiment_lines, tiny_base_model  # noqa: E402

ASKED = {"inputs": ["the film was good", "服务很差"]}
CHANGED_BY_REQUEUEING = ("rows/runs.run.", "rows/runs.runevent.", "rows/runs.turn.", "rows/accounts.auditentry.")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.restore_drill", description=__doc__)
    parser.add_argument("--rows", type=int, default=2000, help="rows of each uploaded file")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="drill-") as name:
        folder = Path(name)
        saved = folder / "studio.backup"
        figures: dict[str, Any] = {}
        with running(folder / "first") as studio:
            version, answer = _work(studio, args.rows)
            figures["backup"] = _backup_under_load(studio, saved, args.rows)
        shutil.rmtree(folder / "first")
        for engine in ("sqlite", "postgresql"):
            figures[engine] = _restored(folder / engine, engine, saved, version, answer)
    print(json.dumps(figures, indent=1), flush=True)
    return int(not all(figures[engine].get("ok", True) for engine in ("sqlite", "postgresql")))


def _work(studio: Studio, rows: int) -> tuple[str, Any]:
    """A finished model, and what it answers."""
    with studio.api() as api:
        api.timeout = httpx.Timeout(120)
        project = api.post("projects", json={"name": "Drill", "description": ""}).raise_for_status().json()["id"]
        program = Program(studio=studio, api=api, project=project)
        data = program.upload("classification", [("text", "label"), *sentiment_lines(200)])
        run = program.ended(program.start(data["id"], **PARAMS), 600)
        assert run["state"] == "finished", run
        version = run["model_version"]
        answer = api.post(f"model-versions/{version}/predict", json=ASKED).raise_for_status().json()
        program.start(data["id"], epochs=1000, early_stopping=0)  # under way while the backup is made
        program.start(data["id"], epochs=1)
    return version, answer


def _backup_under_load(studio: Studio, saved: Path, rows: int) -> dict[str, Any]:
    """Uploads go on until the backup is there."""
    over, uploads = threading.Event(), list[int]()

    def load() -> None:
        with studio.api() as api:
            api.timeout = httpx.Timeout(120)
            project = api.get("projects").json()["results"][0]["id"]
            body = "".join("\t".join(line) + "\n" for line in [("text", "label"), *sentiment_lines(rows)])
            while not over.is_set():
                form = {"task": "classification", "name": f"Load {len(uploads)}"}
                answer = api.post(f"projects/{project}/datasets", files={"file": ("a.tsv", body)}, data=form)
                uploads.append(answer.status_code)
                time.sleep(0.1)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        time.sleep(3)
        begun = time.monotonic()
        words = studio.manage("backup", str(saved))
        seconds = time.monotonic() - begun
    finally:
        over.set()
        thread.join()
    refused = sum(status != 202 for status in uploads)
    return {
        "seconds": round(seconds, 1),
        "mebibytes": round(saved.stat().st_size / 2**20, 1),
        "uploads_meanwhile": len(uploads),
        "uploads_refused": refused,
        "words": words.splitlines()[-1].partition(": ")[2],
    }


def _restored(folder: Path, engine: str, saved: Path, version: str, answer: Any) -> dict[str, Any]:
    tiny_base_model(folder / "base-models" / "tiny")
    studio = Studio(home=folder / "home", base_models=folder / "base-models")
    if engine == "postgresql":
        server = server_url()
        if server is None:
            return {"left_out": "no PostgreSQL here"}
        studio.more["DATABASE_URL"] = _database(server)
    begun = time.monotonic()
    _manage(studio, "restore", str(saved))
    seconds = time.monotonic() - begun
    examined = json.loads(_manage(studio, "doctor", "--json"))
    again = folder / "again.backup"
    _manage(studio, "backup", str(again))
    before, after = _members(saved), _members(again)
    other = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    unexpected = [name for name in other if not name.startswith(CHANGED_BY_REQUEUEING)]
    try:
        studio.start()
        with studio.api() as api:
            api.timeout = httpx.Timeout(120)
            now = api.post(f"model-versions/{version}/predict", json=ASKED).raise_for_status().json()
            runs = api.get("queue").json()
        studio.end()
    finally:
        studio.kill()
    return {
        "restore_seconds": round(seconds, 1),
        "members": len(before),
        "equal": len(before) - len(other),
        "changed_by_requeueing": sorted(set(other) - set(unexpected)),
        "unexpected": unexpected,
        "doctor_ok": examined["ok"],
        "findings": [finding for finding in examined["findings"] if not finding["is_warning"]],
        "same_predictions": now == answer,
        "runs_again_in_the_queue": len(runs["waiting"]) + len(runs["running"]),
        "ok": not unexpected and examined["ok"] and now == answer,
    }


def _database(server: str) -> str:
    name = f"drill_{uuid.uuid4().hex[:8]}"
    folder = server.partition("@/")[2].rpartition("/")[0]
    user = server.partition("://")[2].partition("@")[0]
    with psycopg.connect(host=folder, user=user, dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.rpartition("/")[0] + f"/{name}"


def _manage(studio: Studio, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=studio.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip()


def _members(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        stream = tar.extractfile("backup.json")
        assert stream is not None
        return {each["name"]: each["content"] or each["sha256"] for each in json.load(stream)["members"]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
