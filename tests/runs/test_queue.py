"""Who is next, why the others wait, and until when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.core import workers
from nlpstudio.datasets.models import Dataset, DatasetVersion
from nlpstudio.engine.spec import TrainSpec
from nlpstudio.projects import services as projects
from nlpstudio.projects.models import Membership, Project, Role, Team
from nlpstudio.quotas import services as quotas
from nlpstudio.quotas.groups import group_of
from nlpstudio.runs import fairness, leases, queue, services, showing_queue
from nlpstudio.runs.fairness import Entry, Use
from nlpstudio.runs.models import Run, Turn
from nlpstudio.runs.services import NotNow
from nlpstudio.runs.states import State
from tests.runs.conftest import work

MakeRun = Callable[..., Run]
NOW = timezone.now()
UNUSED = Use(groups={}, people={})


def entry(run: str, group: str, user: str = "u", place: int = 0, minute: int = 0) -> Entry:
    at = NOW + timedelta(minutes=minute)
    return Entry(run=run, group=group, user=user, place=place, queued_at=at)


def names(entries: list[Entry]) -> str:
    return " ".join(each.run for each in entries)


def test_groups_take_turns_however_many_runs_one_has() -> None:
    many = [entry(f"a{number}", "A", minute=number) for number in range(4)]
    assert names(fairness.order([*many, entry("b0", "B", minute=9)], UNUSED)) == "a0 b0 a1 a2 a3"


def test_whoever_used_least_of_late_is_next_and_people_of_a_group_take_turns_too() -> None:
    use = Use(groups={"A": 10.0, "B": 0.0}, people={("B", "x"): 5.0})
    waiting = [entry("a", "A"), entry("x1", "B", "x"), entry("x2", "B", "x"), entry("y1", "B", "y", minute=5)]
    assert names(fairness.order(waiting, use)) == "y1 x1 x2 a"


def test_what_was_used_is_forgiven_by_half_after_each_half_life() -> None:
    recent = fairness.decayed(60, 0, 3600)
    old = fairness.decayed(3660, 3600, 3600)
    assert 59 < recent < 60 and abs(old / recent - 0.5) < 1e-9
    assert fairness.jain([1, 1, 1, 1]) == 1.0 and fairness.jain([1, 0, 0, 0]) == 0.25


@pytest.fixture
def other(stranger: User, dataset_version: DatasetVersion) -> Project:
    project = Project.objects.create(name="Other", created_by=stranger, team=Team.objects.create(name="Another team"))
    Membership.objects.create(project=project, user=stranger, role=Role.OWNER)
    return project


@pytest.fixture
def other_run(make_run: MakeRun, other: Project, stranger: User) -> MakeRun:
    data = Dataset.objects.create(project=other, name="Theirs", task="classification", created_by=stranger)
    version = DatasetVersion.objects.create(dataset=data, number=1, state="ready", rows=2, splits={"train": 2})

    def make(**fields: object) -> Run:
        return make_run(**{"project": other, "dataset_version": version, "created_by": stranger, **fields})

    return make


def test_a_team_that_comes_late_starts_after_at_most_one_finished_run(make_run: MakeRun, other_run: MakeRun) -> None:
    """The real claim, and the real way of a run from there to its end."""
    for _number in range(6):
        make_run()
    first = work("well")
    theirs = other_run()
    assert work("well").pk == theirs.pk and first.project_id != theirs.project_id
    assert Turn.objects.count() == 2 and not Turn.objects.open().exists()


def test_a_claim_opens_a_turn_and_every_way_out_closes_it(make_run: MakeRun) -> None:
    run = make_run()
    held = leases.claim("w")
    assert held is not None and Turn.objects.open().get().run_id == run.pk
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    leases.reap()
    turn = Turn.objects.get()
    run.refresh_from_db()
    assert run.state == State.LOST and turn.ended_at == run.heartbeat_at


def test_a_run_goes_only_to_a_worker_that_has_what_it_needs(make_run: MakeRun) -> None:
    wants, plain = make_run(needs=["gpu"]), make_run()
    assert [run.pk for run in [leases.claim("a", ["cpu"])] if run] == [plain.pk]
    assert leases.claim("a", ["cpu"]) is None
    taken = leases.claim("b", ["cpu", "gpu"])
    assert taken is not None and taken.pk == wants.pk


def test_quotas_hold_runs_back_and_say_so(make_run: MakeRun, other_run: MakeRun, project: Project, admin: User) -> None:
    workers.beat("w/train", "train", labels=["cpu"])
    first, second = make_run(), make_run()
    limits = {"hours_a_month": None, "storage_gb": None}
    quotas.change(group=group_of(project), running_at_once=1, by=admin, **limits)
    held = leases.claim("w")
    assert held is not None and held.pk == first.pk
    theirs = other_run()
    assert [(each.run.pk, each.reason) for each in queue.waiting()] == [(theirs.pk, "next"), (second.pk, "at_once")]
    assert leases.claim("w").pk == theirs.pk  # type: ignore[union-attr]  # it is there
    assert leases.claim("w") is None
    quotas.change(group=group_of(project), running_at_once=None, hours_a_month=0.0, storage_gb=None, by=admin)
    assert [each.reason for each in queue.waiting()] == ["hours"]


def test_a_full_storage_stops_new_runs_in_words(
    project: Project, dataset_version: DatasetVersion, spec: TrainSpec, editor: User, admin: User
) -> None:
    DatasetVersion.objects.update(source_bytes=10**9)
    quotas.change(group=group_of(project), running_at_once=None, hours_a_month=None, storage_gb=1.0, by=admin)
    with pytest.raises(quotas.NoRoom) as refused:
        services.start(project=project, dataset_version=dataset_version, spec=spec, by=editor)
    assert refused.value.hint


def test_start_estimates_come_from_runs_that_were_alike(make_run: MakeRun) -> None:
    workers.beat("w/train", "train", labels=["cpu"])
    begin = timezone.now() - timedelta(hours=1)
    make_run(
        state=State.FINISHED, ended_at=begin + timedelta(seconds=100), started_at=begin, step=50, attempt=1
    )  # two seconds a step
    held = make_run()
    assert leases.claim("w host 1") is not None
    Run.objects.filter(pk=held.pk).update(eta_s=30.0)
    waits = [make_run(spec={**held.spec, "params": {"epochs": 5, "batch_size": 8}}) for _ in range(2)]
    shown = queue.waiting()
    assert [each.starts_in_s for each in shown] == [30.0, 30.0 + 5 * 2.0]
    assert [(each.reason, each.before) for each in shown] == [("next", 0), ("before", 1)]
    assert [each.run.pk for each in shown] == [run.pk for run in waits]


def test_without_a_worker_or_a_fitting_one_the_reason_says_so(make_run: MakeRun) -> None:
    make_run(needs=["gpu"])
    assert [(each.reason, each.starts_in_s) for each in queue.waiting()] == [("no_worker", None)]
    workers.beat("w/train", "train", labels=["cpu"])
    assert [each.reason for each in queue.waiting()] == ["no_match"]


def test_while_the_disk_is_full_runs_wait_and_say_so(make_run: MakeRun, settings: LazySettings) -> None:
    workers.beat("w/train", "train", labels=["cpu"])
    run = make_run()
    settings.LEAST_FREE_BYTES = 1 << 62
    assert leases.claim("w") is None
    assert [each.reason for each in queue.waiting()] == ["disk"]
    settings.LEAST_FREE_BYTES = 0
    held = leases.claim("w")
    assert held is not None and held.pk == run.pk


def test_people_reorder_their_own_runs_only(make_run: MakeRun, editor: User, owner: User, viewer: User) -> None:
    first, second, third = make_run(), make_run(), make_run()
    for run in (first, second, third):
        run.project.my_role = Role.EDITOR
    services.reorder(run=third, to="first", by=editor)
    services.reorder(run=first, to="down", by=editor)
    assert [each.run.pk for each in queue.waiting()] == [third.pk, second.pk, first.pk]
    late = make_run()
    assert [each.run.pk for each in queue.waiting()][-1] == late.pk
    with pytest.raises(NotNow):
        services.reorder(run=second, to="first", by=viewer)
    second.project.my_role = Role.OWNER
    services.reorder(run=second, to="first", by=owner)
    assert queue.waiting()[0].run.pk == second.pk
    leases.claim("w")
    with pytest.raises(NotNow):
        services.reorder(run=second, to="first", by=owner)


def test_strangers_runs_are_in_the_queue_without_their_names(
    client: Client, make_run: MakeRun, other_run: MakeRun, viewer: User
) -> None:
    make_run(name="Ours to see")
    other_run(name="A secret of theirs")
    client.force_login(viewer)
    page = client.get(reverse("runs:queue")).content.decode()
    assert "Ours to see" in page and "A secret of theirs" not in page and "Other" not in page
    assert "a run of another project" in page


def test_the_queue_costs_as_many_queries_with_many_runs(client: Client, make_run: MakeRun, viewer: User) -> None:
    client.force_login(viewer)
    make_run()
    client.get(reverse("runs:queue"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("runs:queue"))
    for _number in range(8):
        make_run()
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("runs:queue"))
    assert len(many) == len(few)


def test_only_the_administrator_sets_quotas(client: Client, project: Project, owner: User, admin: User) -> None:
    address = reverse("runs:quota", args=[group_of(project)])
    client.force_login(owner)
    assert client.get(address).status_code == client.get(reverse("runs:quotas")).status_code == 403
    client.force_login(admin)
    assert project.team.name in client.get(reverse("runs:quotas")).content.decode()
    assert client.post(address, {"running_at_once": "-1"}).status_code == 422
    assert client.post(address, {"running_at_once": "2", "storage_gb": "1.5"}).status_code == 302
    assert 'value="1.5"' in client.get(address).content.decode()


def test_runs_of_a_project_in_the_trash_wait_until_it_is_back(run: Run, project: Project, owner: User) -> None:
    """Nobody could see, stop or cancel them."""
    projects.delete(project=project, by=owner)
    assert leases.claim("a worker") is None and queue.waiting() == []
    Project.objects.filter(pk=project.pk).update(deleted_at=None)
    assert leases.claim("a worker") == run


def test_who_may_only_look_by_now_gets_no_buttons_for_their_own_run(
    make_run: MakeRun, viewer: User, editor: User
) -> None:
    make_run(created_by=viewer)
    make_run(created_by=editor)
    assert [row.can_move for row in showing_queue.of(viewer).waiting] == [False, False]
    assert [row.can_move for row in showing_queue.of(editor).waiting].count(True) == 1
