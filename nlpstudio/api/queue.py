"""The queue over the API: what runs, what waits and why, and the order of one's own."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from ninja import Router, Schema

from nlpstudio.api.base import ApiRequest
from nlpstudio.api.runs import RunOut, to_json
from nlpstudio.projects.models import Role
from nlpstudio.runs import services, showing_queue
from nlpstudio.runs.access import run_for
from nlpstudio.runs.showing_queue import Row
from nlpstudio.runs.states import State

router = Router(tags=["queue"])


class QueuedOut(Schema):
    """A run that waits or that a worker holds. Of runs in projects that you may not see, only that they are there:
    `run`, `name`, `project` and `created_by` are null. `reason` is `held`, `next`, `before`, `no_worker`, `no_match`,
    `at_once`, `hours` or `disk`.
    """

    run: str | None
    name: str | None
    project: str | None
    created_by: str | None
    state: State
    position: int
    before: int
    reason: str
    starts_in_s: float | None
    left_s: float | None


class QueueOut(Schema):
    """What workers hold, and what waits in the order in which it will start as things stand."""

    running: list[QueuedOut]
    waiting: list[QueuedOut]


class MoveIn(Schema):
    """Where to among one's own waiting runs."""

    to: Literal["first", "up", "down"] = "first"


@router.get("/queue", response=QueueOut, summary="The queue of the installation")
def index(request: ApiRequest) -> dict[str, Any]:
    """Everybody. Runs of other people's projects are there without their names."""
    shown = showing_queue.of(request.auth)
    return {"running": [_queued(row) for row in shown.running], "waiting": [_queued(row) for row in shown.waiting]}


@router.post("/runs/{uuid:run_id}/move", response=RunOut, summary="Reorder one's own waiting runs")
def move(request: ApiRequest, run_id: UUID, body: MoveIn) -> dict[str, Any]:
    """Editors, for runs of their own; owners of the project for all of its runs."""
    run = run_for(request.auth, run_id, Role.EDITOR)
    services.reorder(run=run, to=body.to, by=request.auth)
    run.refresh_from_db()
    return to_json(run)


def _queued(row: Row) -> dict[str, Any]:
    run = row.run
    return {
        "run": str(run.pk) if row.is_visible else None,
        "name": run.name if row.is_visible else None,
        "project": str(run.project_id) if row.is_visible else None,
        "created_by": run.created_by.email if row.is_visible and run.created_by else None,
        "state": run.state,
        "position": row.position,
        "before": row.before,
        "reason": row.reason,
        "starts_in_s": row.starts_in_s,
        "left_s": row.left_s,
    }
