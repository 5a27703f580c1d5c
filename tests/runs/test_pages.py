"""The pages of runs, seen by the cast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import User
from nlpstudio.core import workers
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.projects.models import Membership, Project
from nlpstudio.runs import leases, suggesting
from nlpstudio.runs.models import Run, RunEvent
from nlpstudio.runs.states import State
from tests.runs.conftest import work

PAGES = ("detail", "chart", "log", "config")
CAST = ("owner", "editor", "viewer", "stranger", None)


def signed_in(client: Client, request: pytest.FixtureRequest, who: str | None) -> Client:
    if who:
        client.force_login(request.getfixturevalue(who))
    return client


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("who", "status"), list(zip(CAST, (200, 200, 200, 404, 302), strict=True)))
def test_who_may_see_a_run(
    client: Client, request: pytest.FixtureRequest, run: Run, page: str, who: str | None, status: int
) -> None:
    answer = signed_in(client, request, who).get(reverse(f"runs:{page}", args=[run.pk]))
    assert answer.status_code == status


@pytest.mark.parametrize("deed", ["stop", "cancel", "resume", "delete"])
@pytest.mark.parametrize(("who", "status"), list(zip(CAST, (302, 302, 403, 404, 302), strict=True)))
def test_who_may_press_the_buttons(
    client: Client, request: pytest.FixtureRequest, run: Run, deed: str, who: str | None, status: int
) -> None:
    answer = signed_in(client, request, who).post(reverse(f"runs:{deed}", args=[run.pk]))
    assert answer.status_code == status
    run.refresh_from_db()
    may_change = who in ("owner", "editor") and deed == "cancel"
    assert run.state == (State.CANCELLED if may_change else State.QUEUED)
    assert client.get(reverse(f"runs:{deed}", args=[run.pk])).status_code in (302, 405)


@pytest.mark.parametrize("page", ["create", "list"])
@pytest.mark.parametrize("who", CAST)
def test_who_may_see_the_runs_of_a_project(
    client: Client, request: pytest.FixtureRequest, project: Project, run: Run, page: str, who: str | None
) -> None:
    status = {"stranger": 404, None: 302, "viewer": 403 if page == "create" else 200}.get(who, 200)
    answer = signed_in(client, request, who).get(reverse(f"runs:{page}", args=[project.pk]))
    assert answer.status_code == status


def test_who_has_left_a_project_finds_their_runs_nowhere(client: Client, editor: User, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(created_by=editor)
    client.force_login(editor)
    assert reverse("runs:detail", args=[run.pk]) in client.get("/").content.decode()
    Membership.objects.filter(user=editor).delete()
    assert reverse("runs:detail", args=[run.pk]) not in client.get("/").content.decode()


def values(client: Client, project: Project, **changes: Any) -> dict[str, Any]:
    """What a browser would send from the form as it is first shown."""
    form = client.get(reverse("runs:create", args=[project.pk])).context["form"]
    shown = {field.name: field.value() for field in form}
    return {key: value for key, value in {**shown, **changes}.items() if value not in (None, "", False)}


def test_the_form_starts_ready_and_its_button_starts_a_run(
    client: Client, editor: User, project: Project, dataset_version: DatasetVersion
) -> None:
    client.force_login(editor)
    workers.beat("train@here", "train")
    url = reverse("runs:create", args=[project.pk])
    page = client.get(f"{url}?dataset_version={dataset_version.pk}")
    assert page.context["form"].is_valid(), page.context["form"].errors
    assert page.context["blocking"] == []
    answer = client.post(url, values(client, project, base_model="tiny", epochs=2))
    run = Run.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, reverse("runs:detail", args=[run.pk]))
    assert (run.train_spec.params.epochs, run.base_model, run.state) == (2, "tiny", State.QUEUED)


@pytest.mark.parametrize(("field", "value"), [("epochs", "0"), ("learning_rate", "x"), ("base_model", "nothing")])
def test_a_bad_setting_is_told_by_its_field(
    client: Client, editor: User, project: Project, dataset_version: DatasetVersion, field: str, value: str
) -> None:
    client.force_login(editor)
    answer = client.post(reverse("runs:create", args=[project.pk]), values(client, project, **{field: value}))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Run.objects.exists()


def test_what_stands_against_a_run_is_said_before_it_is_started(
    client: Client, editor: User, project: Project, dataset_version: DatasetVersion
) -> None:
    client.force_login(editor)
    DatasetVersion.objects.update(labels=["good"])
    page = client.get(reverse("runs:create", args=[project.pk]))
    assert [reason.code for reason in page.context["blocking"]] == ["run.too_few_labels"]
    assert "run.no_worker" in [reason.code for reason in page.context["warnings"]]
    assert client.post(reverse("runs:create", args=[project.pk]), values(client, project)).status_code == 422


def test_the_maximum_length_follows_the_data_until_it_is_changed(
    client: Client, editor: User, project: Project, dataset_version: DatasetVersion
) -> None:
    def lengths(words: int) -> dict[str, Any]:
        return {"words": {"percentiles": {"95": words}}, "characters": {"percentiles": {"95": 5 * words}}}

    client.force_login(editor)
    url = reverse("runs:create", args=[project.pk])
    DatasetVersion.objects.update(statistics=lengths(10))
    first = values(client, project, base_model="tiny")
    assert first["max_length"] == 32
    DatasetVersion.objects.update(statistics=lengths(60))
    htmx = {"headers": {"HX-Request": "true"}}
    again = client.get(url, first, **htmx).context["form"]
    assert again["max_length"].value() == 96
    kept = client.get(url, {**first, "max_length": 50}, **htmx).context["form"]
    assert str(kept["max_length"].value()) == "50"


def test_a_clone_is_the_form_filled_as_before(client: Client, editor: User, make_run: Callable[..., Run]) -> None:
    run = make_run()
    Run.objects.update(spec={**run.spec, "params": {**run.spec["params"], "epochs": 7}})
    client.force_login(editor)
    form = client.get(reverse("runs:clone", args=[run.pk])).context["form"]
    assert (form["epochs"].value(), form["base_model"].value()) == (7, "tiny")


def test_a_finished_run_shows_its_curves_and_its_model(client: Client, viewer: User, run: Run) -> None:
    done = work("well")
    client.force_login(viewer)
    page = client.get(reverse("runs:detail", args=[run.pk])).content.decode()
    assert reverse("registry:version", args=[done.model_version_id]) in page
    assert "Stop and keep best" not in page
    curves = client.get(reverse("runs:chart", args=[run.pk])).json()
    assert curves["steps"]["step"] == list(range(1, 9))
    assert (curves["best_step"], curves["after"]) == (8, 26)
    assert [entry["step"] for entry in curves["evaluations"]] == list(range(1, 9))


def test_a_long_run_gives_at_most_a_thousand_points(client: Client, viewer: User, run: Run) -> None:
    payload = {"kind": "step", "loss": 1.0, "lr": 1e-4, "tokens_per_s": 1, "memory_bytes": 1, "grad_norm": 1}
    now = timezone.now()
    RunEvent.objects.bulk_create(
        RunEvent(run=run, seq=n, at=now, kind="step", step=n, payload={**payload, "step": n}) for n in range(1, 9002)
    )
    Run.objects.update(last_seq=9001)
    client.force_login(viewer)
    steps = client.get(reverse("runs:chart", args=[run.pk])).json()["steps"]["step"]
    assert 500 < len(steps) <= 1000
    assert steps[-1] == 9001


def test_a_pre_training_shows_how_near_to_its_ceiling_it_is(client: Client, viewer: User, run: Run) -> None:
    step = {"kind": "step", "loss": 1.0, "lr": 1e-4, "memory_bytes": 1, "grad_norm": 1}
    facts = [
        ("prepared", {"resumed_from": 0, "ceiling_tokens_per_s": 9.0}),
        ("prepared", {"resumed_from": 0, "ceiling_tokens_per_s": 400.0}),
        *(("step", {**step, "step": number, "tokens_per_s": 100.0}) for number in range(1, 4)),
    ]
    RunEvent.objects.bulk_create(
        RunEvent(run=run, seq=n, at=timezone.now(), kind=kind, step=payload.get("step"), payload=payload)
        for n, (kind, payload) in enumerate(facts, 1)
    )
    Run.objects.update(last_seq=len(facts), spec={**run.spec, "task": "pretraining"})
    client.force_login(viewer)
    page = client.get(reverse("runs:detail", args=[run.pk])).content.decode()
    assert "Share of the matrix ceiling" in page and "25.0%" in page
    assert client.get(reverse("runs:chart", args=[run.pk])).json()["ceiling"] == 400.0


def test_a_failed_run_says_why_and_what_to_do(client: Client, viewer: User, run: Run) -> None:
    work("traceback")
    client.force_login(viewer)
    page = client.get(reverse("runs:detail", args=[run.pk])).content.decode()
    assert "exit code 3" in page
    assert "KeyError in line 7" in page
    assert "run.crashed" in page


def test_a_waiting_run_says_its_place_and_that_nobody_works(client: Client, viewer: User, run: Run) -> None:
    client.force_login(viewer)
    page = client.get(reverse("runs:detail", args=[run.pk])).content.decode()
    assert "Place 1 in the queue" in page
    assert "No train worker is alive" in page


def test_words_of_a_process_cannot_become_markup(client: Client, viewer: User, make_run: Callable[..., Run]) -> None:
    run = make_run(
        name="<script>alert(1)</script>",
        state=State.FAILED,
        ended_at=timezone.now(),
        error_code="x",
        error_message="<img src=x onerror=alert(1)>",
    )
    client.force_login(viewer)
    page = client.get(reverse("runs:detail", args=[run.pk])).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_the_log_can_be_taken_away(client: Client, viewer: User, run: Run) -> None:
    client.force_login(viewer)
    assert client.get(reverse("runs:log_file", args=[run.pk])).status_code == 404
    work("traceback")
    answer = client.get(reverse("runs:log_file", args=[run.pk]))
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]


def test_the_table_asks_the_database_a_fixed_number_of_times(
    client: Client, viewer: User, project: Project, make_run: Callable[..., Run], django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        make_run()
    leases.claim("worker")
    client.force_login(viewer)
    with django_assert_max_num_queries(12):
        assert client.get(reverse("runs:list", args=[project.pk])).status_code == 200


def test_the_page_asks_the_database_a_fixed_number_of_times(
    client: Client, viewer: User, run: Run, django_assert_max_num_queries: Any
) -> None:
    work("well")
    client.force_login(viewer)
    with django_assert_max_num_queries(14):
        client.get(reverse("runs:detail", args=[run.pk]))


def test_a_recipe_fills_settings_in_until_one_is_changed_by_hand(
    client: Client, editor: User, project: Project, dataset_version: DatasetVersion
) -> None:
    client.force_login(editor)
    url = reverse("runs:create", args=[project.pk])

    def shown(**changes: Any) -> dict[str, Any]:
        form = client.get(url, changes).context["form"]
        return {key: form[key].value() for key in form.fields if form[key].value() not in (None, "", False)}

    first = values(client, project, base_model="tiny")
    assert first["recipe"] == "thorough"
    quick = shown(**{**first, "recipe": "quick"})
    assert (quick["epochs"], quick["freeze_embeddings"], quick["layer_decay"]) == (1, True, 0.9)
    assert quick["learning_rate"] == pytest.approx(2 * suggesting.SMALL_RATE)  # the most that a recipe gives
    assert shown(**quick)["recipe"] == "quick"
    own = shown(**{**quick, "epochs": 5})
    assert "recipe" not in own
    assert float(own["learning_rate"]) == quick["learning_rate"]
    adapters = shown(**{**own, "recipe": "adapters"})
    assert (adapters["epochs"], adapters["lora_rank"], "freeze_embeddings" in adapters) == (3, 8, False)
    answer = client.post(url, adapters)
    assert answer.status_code == 302
    assert Run.objects.get().train_spec.params.lora_rank == 8


def test_the_settings_page_says_how_the_run_was_computed(client: Client, viewer: User, run: Run) -> None:
    client.force_login(viewer)
    Run.objects.filter(pk=run.pk).update(environment={"path": "packed", "torch": "2.13.0", "products": "onednn"})
    page = client.get(reverse("runs:config", args=[run.pk])).content.decode()
    assert "packed: nothing is padded" in page
    assert "label_smoothing" in page and "mlm_nsp" not in page, "settings of other tasks"
    assert "Matrix products by" in page
    assert "2.13.0" in page


def test_a_run_asks_for_a_worker_with_labels_and_so_does_its_clone(
    client: Client, editor: User, make_run: Callable[..., Run]
) -> None:
    run = make_run(needs=["big-memory", "gpu"])
    client.force_login(editor)
    form = client.get(reverse("runs:clone", args=[run.pk])).context["form"]
    values = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    assert values["needs"] == "big-memory, gpu"
    url = reverse("runs:create", args=[run.project_id])
    bad = client.post(url, {**values, "needs": "gpu!"})
    assert bad.status_code == 422 and "is no label of a worker" in bad.content.decode()
    client.post(url, {**values, "needs": "gpu，big-memory"})
    assert [each.needs for each in Run.objects.all()] == [run.needs, run.needs]
