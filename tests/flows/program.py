"""The steps of the loop as a program takes them, in a project of the real studio."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.published import DATA
from tests.studio import Studio, until

PARAMS = {"epochs": 12, "learning_rate": 2e-3, "batch_size": 8, "early_stopping": 0}
"""Enough for the tiny model to learn its tiny data."""
PATIENCE_SECONDS = 150
"""For steps that take some seconds on a quiet machine; others may be busy."""
OVER = ("finished", "stopped", "cancelled", "failed")


@dataclass(frozen=True)
class Program:
    """A program with a token that works in one project of the studio. `runs` holds what it has started, by task."""

    studio: Studio
    api: httpx.Client
    project: str
    runs: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, **query: Any) -> Any:
        return self.api.get(address, params=query).raise_for_status().json()

    def upload(self, task: str, lines: Iterable[tuple[str, ...]] | None = None) -> dict[str, Any]:
        """A data set of these lines, or of the task's tiny ones, when it is ready."""
        body = "".join("\t".join(line) + "\n" for line in lines or DATA[task]())
        form = {
            "task": task,
            "name": f"Tiny {task}",
            "options": json.dumps({"split": {"train": 0.5, "validation": 0.25, "test": 0.25}}),
        }
        answer = self.api.post(f"projects/{self.project}/datasets", files={"file": ("tiny.tsv", body)}, data=form)
        assert answer.status_code == 202, answer.text
        return self.imported(answer.json()["version"]["id"])

    def imported(self, version: str) -> dict[str, Any]:
        """The version, once its import is over."""

        def ready() -> dict[str, Any] | None:
            now: dict[str, Any] = self.get(f"dataset-versions/{version}")
            return None if now["state"] == "importing" else now

        done = until(ready, PATIENCE_SECONDS, "the import ends")
        assert done["state"] == "ready", done["error"]
        return done

    def tokenizer(self, version: str, **spec: Any) -> str:
        """Train a tokenizer on that version of a corpus; the base model that it is to a run."""
        body = {"dataset_version": version, "spec": spec}
        made = self.api.post(f"projects/{self.project}/tokenizers", json=body).raise_for_status().json()
        address = f"tokenizers/{made['id']}"
        until(lambda: self.get(address)["state"] == "finished", PATIENCE_SECONDS, "the tokenizer is trained")
        return str(made["base_model"])

    def start(self, version: str, base_model: str = "tiny", **params: Any) -> str:
        """Start a run on a tiny base model; its id."""
        body = {"dataset_version": version, "base_model": base_model, "params": {"max_length": 48, **params}}
        answer = self.api.post(f"projects/{self.project}/runs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def run(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"runs/{run}")
        return found

    def ended(self, run: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The run, once it is over."""

        def over() -> dict[str, Any] | None:
            now = self.run(run)
            return now if now["state"] in OVER else None

        return until(over, seconds, f"run {run} ends; it is {self.run(run)['state']}")

    def in_mid_run(self, run: str) -> dict[str, Any]:
        """The run, once it has trained for some steps and kept a checkpoint."""

        def moving() -> dict[str, Any] | None:
            now = self.run(run)
            assert now["state"] not in OVER, now
            kinds = [event["kind"] for event in self.events(run)]
            return now if now["state"] == "running" and "saved" in kinds else None

        return until(moving, PATIENCE_SECONDS, f"run {run} trains")

    def finished(self, task: str) -> dict[str, Any]:
        """The finished run of a task, trained when it is first asked for."""
        if task not in self.runs:
            self.runs[task] = self.start(self.upload(task)["id"], **PARAMS)
        run = self.ended(self.runs[task])
        assert run["state"] == "finished", run["error"]
        return run

    def events(self, run: str) -> list[dict[str, Any]]:
        """All events so far, page by page."""
        found: list[dict[str, Any]] = []
        address: str | None = f"{self.api.base_url}runs/{run}/events?limit=100"
        while address:
            page = self.get(address)
            found, address = found + page["results"], page["next"]
        return found
