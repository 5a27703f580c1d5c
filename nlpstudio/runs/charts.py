"""The curves of a run as plain columns, thinned out so that a page can draw them at once."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from django.db.models import F
from django.db.models.functions import Mod

from nlpstudio.runs.models import Run, RunEvent

MOST_POINTS = 1000
READ_AT_MOST = 4 * MOST_POINTS
NEWEST = 20
"""Step events that say how fast a run is now."""
COLUMNS = ("loss", "lr", "tokens_per_s", "memory_bytes", "grad_norm")


def curves(run: Run) -> dict[str, Any]:
    """`steps` (a list a column), `evaluations`, `best_step`, `ceiling` (in tokens a second, 0 where it is not known), and
    `after`: the event from which to follow on.

    When a run was resumed, what an earlier attempt did beyond the checkpoint is left out: it was done again.
    """
    after = run.last_seq
    rows = run.events.filter(seq__lte=after)
    resumes = _resumes(rows.filter(kind="prepared"))
    best = rows.filter(kind="saved", payload__best=True).last()
    return {
        "after": after,
        "state": run.state,
        "total_steps": run.total_steps,
        "best_step": best.step if best else None,
        "ceiling": ceiling_of(run),
        "steps": _columns(_points(rows, resumes)),
        "evaluations": _evaluations(rows, resumes),
    }


def ceiling_of(run: Run) -> float:
    """The pace at which the run's device would only multiply matrices, as it was measured last."""
    prepared = run.events.filter(kind="prepared").last()
    return float(prepared.payload.get("ceiling_tokens_per_s", 0)) if prepared else 0.0


def share_of_ceiling(run: Run) -> float | None:
    """How near to its ceiling the run has been of late."""
    ceiling = ceiling_of(run)
    newest = run.events.filter(kind="step").order_by("-seq")[:NEWEST]
    paces = [event.payload["tokens_per_s"] for event in newest if event.payload["tokens_per_s"] is not None]
    return statistics.median(paces) / ceiling if ceiling and paces else None


def _resumes(rows: Any) -> list[tuple[int, int]]:
    """(seq, step) of each start: points before `seq` and beyond `step` were done again after it."""
    return [(event.seq, event.payload.get("resumed_from", 0)) for event in rows]


def _is_kept(seq: int, step: int, resumes: Sequence[tuple[int, int]]) -> bool:
    return not any(seq < start and step > resumed_from for start, resumed_from in resumes)


def _points(rows: Any, resumes: Sequence[tuple[int, int]]) -> list[RunEvent]:
    steps = rows.filter(kind="step")
    stride = max(1, -(-steps.count() // READ_AT_MOST))
    if stride > 1:
        # Every stride-th event by number; the newest one always, so that the curve reaches its end.
        newest = steps.last()
        chosen = [*steps.annotate(part=Mod(F("seq"), stride)).filter(part=0)]
        steps = chosen if newest is None or (chosen and chosen[-1].pk == newest.pk) else [*chosen, newest]
    return [event for event in steps if _is_kept(event.seq, event.step or 0, resumes)]


def _columns(points: Sequence[RunEvent]) -> dict[str, list[float | None]]:
    """At most `MOST_POINTS` rows: means of neighbours, at the last step of each group."""
    size = max(1, -(-len(points) // MOST_POINTS))
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    columns: dict[str, list[float | None]] = {"step": [group[-1].step for group in groups]}
    for name in COLUMNS:
        columns[name] = [_mean([event.payload.get(name) for event in group]) for group in groups]
    return columns


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _evaluations(rows: Any, resumes: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """One entry for each step and split, the newest word on it."""
    found: dict[tuple[int, str], dict[str, Any]] = {}
    for event in rows.filter(kind="evaluated"):
        if _is_kept(event.seq, event.step or 0, resumes):
            facts = event.payload
            found[facts["step"], facts["split"]] = {key: facts[key] for key in ("step", "epoch", "split", "metrics")}
    return sorted(found.values(), key=lambda entry: (entry["step"], entry["split"]))
