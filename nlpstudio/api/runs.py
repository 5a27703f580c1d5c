"""Runs over the API: start one, follow it, stop, cancel, resume or repeat it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Header, Router, Schema

from nlpstudio.accounts.models import User
from nlpstudio.api.base import ApiRequest, Listing, paged
from nlpstudio.datasets.access import version_for
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Project, Role
from nlpstudio.runs import queue, services
from nlpstudio.runs.access import run_for
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State

router = Router(tags=["runs"])

MOST_EVENTS = 1000


class RunIn(Schema):
    """What to train: a version of a data set, a base model of the shelf, and settings that differ from the defaults."""

    dataset_version: UUID
    base_model: str = Field(min_length=1, max_length=200)
    params: dict[str, Any] = Field(default_factory=dict)
    name: str = Field("", max_length=120)
    needs: list[str] = Field(default_factory=list, max_length=8)


class CloneIn(Schema):
    """Settings of the repeated run that are to be other."""

    params: dict[str, Any] = Field(default_factory=dict)
    name: str = Field("", max_length=120)


class RunError(Schema):
    """Why a run failed, in words, and what to do about it."""

    code: str
    message: str
    hint: str


class RunOut(Schema):
    """A run as the API shows it. `metrics` and `best` are flat: name to number, with the `split` they come from."""

    id: str
    name: str
    project: str
    state: State
    progress: float
    step: int
    total_steps: int
    eta_s: float | None
    queue_position: int
    needs: list[str]
    metrics: dict[str, float | str | None]
    metrics_split: str
    best: dict[str, float | str | None]
    best_split: str
    dataset_version: str
    base_model: str
    task: str
    params: dict[str, Any]
    model_version: str | None
    error: RunError | None
    attempt: int
    weights_sha256: str
    environment: dict[str, Any]
    created_by: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None


def to_json(run: Run, places: Mapping[UUID, int] | None = None) -> dict[str, Any]:
    """`places` saves asking for each run's place in the queue when there are many."""
    spec = run.train_spec
    return {
        "id": str(run.pk),
        "name": run.name,
        "project": str(run.project_id),
        "state": run.state,
        "progress": run.progress,
        "step": run.step,
        "total_steps": run.total_steps,
        "eta_s": run.eta_s,
        "queue_position": services.queue_position(run) if places is None else places.get(run.pk, 0),
        "needs": run.needs,
        "metrics": _scores(run.metrics, run.metrics_split),
        "metrics_split": run.metrics_split,
        "best": _scores(run.best, run.best_split),
        "best_split": run.best_split,
        "dataset_version": str(run.dataset_version_id),
        "base_model": run.base_model,
        "task": spec.task,
        "params": spec.params.to_json(),
        "model_version": str(run.model_version_id) if run.model_version_id else None,
        "error": _error(run),
        "attempt": run.attempt,
        "weights_sha256": run.weights_sha256,
        "environment": run.environment,
        "created_by": run.created_by.email if run.created_by else None,
        "created_at": run.created_at.isoformat(),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
    }


def _scores(metrics: dict[str, float], split: str) -> dict[str, float | str]:
    return {**metrics, "split": split} if metrics else {}


def _error(run: Run) -> dict[str, str] | None:
    if not run.error_code:
        return None
    return {"code": run.error_code, "message": run.error_message, "hint": run.error_hint}


@router.post("/projects/{uuid:project_id}/runs", response={201: RunOut}, summary="Start a run")
def create(
    request: ApiRequest,
    project_id: UUID,
    body: RunIn,
    idempotency_key: Annotated[str, Header(max_length=200)] = "",
) -> tuple[int, dict[str, Any]]:
    """Editors. With an `Idempotency-Key` the request may be sent again until it is answered: it starts one run, and answers with it."""
    project = project_for(request.auth, project_id, Role.EDITOR)
    version = version_for(request.auth, body.dataset_version)
    params = TrainParams.from_json(body.params)
    spec = TrainSpec(task=version.dataset.task, base_model=body.base_model, params=params)

    run = services.start(
        project=project,
        dataset_version=version,
        spec=spec,
        by=request.auth,
        name=body.name,
        needs=body.needs,
        request_key=_request_key(idempotency_key, project, request.auth),
    )
    return 201, to_json(run_for(request.auth, run.pk) if idempotency_key else run)


def _request_key(key: str, project: Project, user: User) -> str:
    """What the run keeps of the header: nobody meets another's key."""
    return hashlib.sha256(f"{user.pk} {project.pk} {key}".encode()).hexdigest() if key else ""


@router.get("/projects/{uuid:project_id}/runs", response=Listing, summary="The runs of a project")
def index(
    request: ApiRequest, project_id: UUID, page: Annotated[int, Field(ge=1)] = 1, state: str = ""
) -> dict[str, Any]:
    """Any member; newest first. `state` leaves only the runs in that state."""
    project = project_for(request.auth, project_id)
    rows = Run.objects.visible_to(request.auth).filter(project=project).in_state(state).for_list()
    return paged(request, rows, partial(to_json, places=queue.positions()), page)


@router.get("/runs/{uuid:run_id}", response=RunOut, summary="One run")
def detail(request: ApiRequest, run_id: UUID) -> dict[str, Any]:
    """Any member may follow it."""
    return to_json(run_for(request.auth, run_id))


@router.get("/runs/{uuid:run_id}/events", response=Listing, summary="What happened in a run")
def events(
    request: ApiRequest,
    run_id: UUID,
    after: Annotated[int, Field(ge=0)] = 0,
    limit: Annotated[int, Field(ge=1, le=MOST_EVENTS)] = 100,
) -> dict[str, Any]:
    """The events after `after`, in order; `count` is how many there are after it."""
    run = run_for(request.auth, run_id)
    rows = run.events.filter(seq__gt=after).order_by("seq")
    shown = [event.to_json() for event in rows[:limit]]
    count = rows.count()
    more = count > len(shown)
    return {
        "count": count,
        "next": _after(request, shown[-1]["seq"], limit) if more and shown else None,
        "previous": None,
        "results": shown,
    }


def _after(request: HttpRequest, seq: int, limit: int) -> str:
    return request.build_absolute_uri(f"{request.path}?{urlencode({'after': seq, 'limit': limit})}")


@router.post("/runs/{uuid:run_id}/stop", response=RunOut, summary="Stop and keep the best")
def stop(request: ApiRequest, run_id: UUID) -> dict[str, Any]:
    """Editors. The best so far becomes a model; the answer comes before the run has stopped."""
    run = run_for(request.auth, run_id, Role.EDITOR)
    services.stop(run=run, by=request.auth)
    return to_json(run)


@router.post("/runs/{uuid:run_id}/cancel", response=RunOut, summary="Cancel and discard")
def cancel(request: ApiRequest, run_id: UUID) -> dict[str, Any]:
    """Editors. Nothing of the run is kept but its log and events."""
    run = run_for(request.auth, run_id, Role.EDITOR)
    services.cancel(run=run, by=request.auth)
    return to_json(run)


@router.post("/runs/{uuid:run_id}/resume", response=RunOut, summary="Resume a stopped or failed run")
def resume(request: ApiRequest, run_id: UUID) -> dict[str, Any]:
    """Editors. It continues from its last checkpoint, under the same id and with the same curves."""
    run = run_for(request.auth, run_id, Role.EDITOR)
    services.resume(run=run, by=request.auth)
    return to_json(run)


@router.post("/runs/{uuid:run_id}/clone", response={201: RunOut}, summary="Repeat a run")
def clone(request: ApiRequest, run_id: UUID, body: CloneIn | None = None) -> tuple[int, dict[str, Any]]:
    """Editors. Starts a new run with the same data, base model and settings, but for those given."""
    run = run_for(request.auth, run_id, Role.EDITOR)
    wish = body or CloneIn(name="", params={})
    spec = TrainSpec.from_json({**run.spec, "params": {**run.spec["params"], **wish.params}})
    name = wish.name or run.name
    again = services.start(
        project=run.project,
        dataset_version=run.dataset_version,
        spec=spec,
        by=request.auth,
        name=name,
        needs=run.needs,
    )
    return 201, to_json(again)
