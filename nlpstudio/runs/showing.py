"""What the run page shows, the same for a request and for the socket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from nlpstudio.core import workers
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.runs import charts, services
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State

FRAME = ("state", "actions", "progress", "outcome")
LIVE_PARTS: Mapping[str, tuple[str, ...]] = {
    "detail": (*FRAME, "figures", "samples", "notes"),
    "log": FRAME,
    "config": FRAME,
}
"""The partials of `runs/_live.html` on each page; the DOM id of each is `run-<name>`."""
TAIL_BYTES = 64 * 1024
TAIL_LINES = 20
NOTES = 20
SAMPLES = 6
"""Evaluations whose samples are shown, the newest ones."""


def context_of(run: Run) -> dict[str, Any]:
    """What the live parts need."""
    return {
        "run": run,
        "project": run.project,
        "best_by": CATALOGUE[run.spec["task"]].best_by,
        "position": services.queue_position(run),
        "is_unattended": run.state == State.QUEUED and not workers.is_alive("train"),
        "elapsed": elapsed(run),
        "tail": SimpleLazyObject(lambda: tail_of(run.folder / "log.txt", TAIL_LINES)),
        "samples": samples_of(run),
        "ceiling_share": charts.share_of_ceiling(run) if CATALOGUE[run.spec["task"]].sampled else None,
        "notes": list(run.events.filter(kind="warning").order_by("-seq")[:NOTES]),
    }


def best_of(run: Run) -> tuple[str, float] | None:
    """The metric that chooses the best, with its value so far; a likelihood as the perplexity that people know."""
    name = CATALOGUE[run.spec["task"]].best_by
    name = "perplexity" if name == "log_likelihood" and "perplexity" in run.best else name
    return (name, run.best[name]) if run.best.get(name) is not None else None


def live_parts(run: Run, page: str) -> dict[str, str]:
    """Each live part of the page as HTML."""
    context = context_of(run)
    parts = LIVE_PARTS.get(page, LIVE_PARTS["detail"])
    return {name: render_to_string(f"runs/_live.html#{name}", context) for name in parts}


def samples_of(run: Run) -> list[dict[str, Any]]:
    """Each fixed text with what the model said of it at the last evaluations, the newest first."""
    if not CATALOGUE[run.spec["task"]].sampled:
        return []
    found: dict[str, dict[str, Any]] = {}
    for event in run.events.filter(kind="evaluated").order_by("-seq")[:SAMPLES]:
        for sample in event.payload.get("samples", []):
            shown = found.setdefault(
                sample["text"], {"text": sample["text"], "truth": sample.get("truth", ""), "said": []}
            )
            shown["said"].append({"step": event.step, **sample})
    return list(found.values())


def elapsed(run: Run, now: datetime | None = None) -> float | None:
    """Seconds from the start to the end, or until now."""
    if run.started_at is None or run.state == State.QUEUED:
        return None
    return max(((run.ended_at or now or timezone.now()) - run.started_at).total_seconds(), 0)


def tail_of(path: Path, lines: int) -> str:
    """The last lines of a log, as people would see them: a progress bar is its last state."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    return "\n".join(shown[-lines - 1 :]).strip("\n")
