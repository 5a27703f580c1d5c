"""What people do with runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core import workers
from nlpstudio.core.errors import StudioError
from nlpstudio.datasets import services as datasets
from nlpstudio.datasets.models import DatasetVersion, VersionState
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.projects import services as projects
from nlpstudio.projects.models import Project
from nlpstudio.runs import leases, readiness, services
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import State


def test_a_started_run_waits_and_is_written_down(
    project: Project, dataset_version: DatasetVersion, spec: TrainSpec, editor: User
) -> None:
    run = services.start(project=project, dataset_version=dataset_version, spec=spec, by=editor)
    assert (run.state, run.name, run.train_spec) == (State.QUEUED, "Reviews", spec)
    assert services.queue_position(run) == 1
    assert AuditEntry.objects.get().action == "run.started"


def test_a_request_that_is_overtaken_by_itself_starts_nothing(
    project: Project, dataset_version: DatasetVersion, spec: TrainSpec, editor: User
) -> None:
    def start(needs: Iterable[str] = ()) -> Run:
        return services.start(
            project=project, dataset_version=dataset_version, spec=spec, by=editor, needs=needs, request_key="k"
        )

    faster: list[Run] = []

    def needs() -> Iterator[str]:  # is read after the first look for the key and before the run is saved
        faster.append(start())
        yield from ()

    assert start(needs()) == faster[0]
    assert Run.objects.count() == AuditEntry.objects.filter(action="run.started").count() == 1


def test_a_project_in_the_trash_has_its_runs_stopped(
    project: Project, dataset_version: DatasetVersion, spec: TrainSpec, owner: User
) -> None:
    for _each in range(2):
        services.start(project=project, dataset_version=dataset_version, spec=spec, by=owner)
    held = leases.claim("worker")
    assert held is not None
    projects.delete(project=project, by=owner)
    held.refresh_from_db()
    assert (held.state, held.stop_requested) == (State.STOPPING, True)
    assert [run.state for run in Run.objects.exclude(pk=held.pk)] == [State.QUEUED]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"state": VersionState.IMPORTING}, "run.data_not_ready"),
        ({"labels": ["good"]}, "run.too_few_labels"),
        ({"splits": {"validation": 10}}, "run.no_training_rows"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(
    project: Project,
    dataset_version: DatasetVersion,
    spec: TrainSpec,
    editor: User,
    fields: dict[str, object],
    code: str,
) -> None:
    DatasetVersion.objects.update(**fields)
    dataset_version.refresh_from_db()
    with pytest.raises(StudioError) as refused:
        services.start(project=project, dataset_version=dataset_version, spec=spec, by=editor)
    assert refused.value.code == code
    assert refused.value.hint
    assert not Run.objects.exists()


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        (TrainSpec(task="classification", base_model="bert-base-chines"), "base_model.missing"),
        (TrainSpec(task="ner", base_model="tiny"), "run.wrong_task"),
        (TrainSpec(task="classification", base_model="tiny", params=TrainParams(max_length=512)), "run.too_long"),
    ],
)
def test_a_spec_that_does_not_fit_is_refused(
    project: Project, dataset_version: DatasetVersion, spec: TrainSpec, editor: User, code: str
) -> None:
    with pytest.raises(StudioError) as refused:
        services.start(project=project, dataset_version=dataset_version, spec=spec, by=editor)
    assert refused.value.code == code


def test_data_of_another_project_is_refused(stranger: User, dataset_version: DatasetVersion, spec: TrainSpec) -> None:
    own = Project.objects.get(created_by=stranger)
    with pytest.raises(StudioError, match="another project"):
        services.start(project=own, dataset_version=dataset_version, spec=spec, by=stranger)


def test_without_a_worker_the_form_warns_but_does_not_refuse(dataset_version: DatasetVersion, spec: TrainSpec) -> None:
    assert [(r.code, r.blocks) for r in readiness.reasons(version=dataset_version, spec=spec)] == [
        ("run.no_worker", False)
    ]
    workers.beat("train@here", "train")
    assert readiness.reasons(version=dataset_version, spec=spec) == []


def test_a_base_model_that_is_not_here_is_a_warning(dataset_version: DatasetVersion, tmp_path: Path) -> None:
    spec = TrainSpec(task="classification", base_model="paraphrase-minilm-l3-v2")
    codes = {r.code: r.blocks for r in readiness.reasons(version=dataset_version, spec=spec)}
    assert codes["base_model.fetching"] is False


def test_the_queue_is_first_come_first_served(make_run: Callable[..., Run]) -> None:
    now = timezone.now()
    late, early = make_run(queued_at=now), make_run(queued_at=now - timedelta(seconds=5))
    assert (services.queue_position(early), services.queue_position(late)) == (1, 2)
    assert leases.claim("worker").pk == early.pk  # type: ignore[union-attr]  # one waits


def test_a_queued_run_is_cancelled_but_not_stopped(run: Run, editor: User) -> None:
    with pytest.raises(services.NotNow):
        services.stop(run=run, by=editor)
    services.cancel(run=run, by=editor)
    services.cancel(run=run, by=editor)
    assert run.state == State.CANCELLED
    assert leases.claim("worker") is None
    with pytest.raises(services.NotNow):
        services.resume(run=run, by=editor)


def test_stopping_twice_is_stopping_once(run: Run, editor: User) -> None:
    claimed = leases.claim("worker")
    assert claimed is not None
    services.stop(run=claimed, by=editor)
    services.stop(run=claimed, by=editor)
    assert claimed.state == State.STOPPING
    assert AuditEntry.objects.filter(action="run.stop_asked").count() == 1


def test_a_failed_run_is_resumed_without_its_error(make_run: Callable[..., Run], editor: User) -> None:
    run = make_run(state=State.FAILED, ended_at=timezone.now(), error_code="run.crashed", attempt=3)
    services.resume(run=run, by=editor)
    assert (run.state, run.error_code, run.attempt, run.ended_at) == (State.QUEUED, "", 0, None)


def test_only_a_run_that_is_over_is_deleted(run: Run, editor: User) -> None:
    with pytest.raises(services.NotNow):
        services.delete(run=run, by=editor)
    services.cancel(run=run, by=editor)
    services.delete(run=run, by=editor)
    assert not Run.objects.visible_to(editor).exists()


def test_a_clone_begins_with_the_same_settings(run: Run) -> None:
    values = services.clone(run)
    assert values["base_model"] == "tiny"
    assert values["epochs"] == run.train_spec.params.epochs


def test_nothing_is_trained_on_data_in_the_trash(
    project: Project, dataset_version: DatasetVersion, spec: TrainSpec, make_run: Callable[..., Run], editor: User
) -> None:
    """A run that is repeated or resumed asks for data that nobody chose anew."""
    stopped = make_run(state=State.STOPPED, ended_at=timezone.now())
    datasets.delete(dataset=dataset_version.dataset, by=editor)
    stopped = Run.objects.get(pk=stopped.pk)
    with pytest.raises(StudioError, match="in the trash"):
        services.start(project=project, dataset_version=stopped.dataset_version, spec=spec, by=editor)
    with pytest.raises(services.NotNow, match="in the trash"):
        services.resume(run=stopped, by=editor)


def test_a_reason_names_the_task_as_people_do(dataset_version: DatasetVersion) -> None:
    found = readiness.reasons(version=dataset_version, spec=TrainSpec(task="ner", base_model="tiny"))
    assert any("Named-entity recognition" in reason.hint for reason in found)
