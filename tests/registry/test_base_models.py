"""The shelf as a page: what is here, who may fetch the rest, and how a fetch ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.engine import shelf
from nlpstudio.projects.models import Project
from nlpstudio.registry import base_models, execution, tasks
from nlpstudio.registry.models import BaseModelFetch, JobState
from tests.tiny import tiny_base_model

HUB_ONLY = "bert-base-chinese"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without network that has one base model, "tiny"."""
    tiny_base_model(tmp_path / "given" / "tiny")
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STUDIO_BASE_MODELS", str(tmp_path / "given"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cache.clear()


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The orders that reach the broker."""
    sent: list[str] = []
    monkeypatch.setattr(tasks.fetch_base_model, "apply_async", lambda args, **_: sent.append(*args))
    return sent


def test_what_is_on_this_machine_comes_first(client: Client, viewer: User, project: Project) -> None:
    client.force_login(viewer)
    page = client.get(reverse("registry:base_models"))
    assert page.context["models"][0].entry.id == "tiny" and page.context["models"][0].available
    assert HUB_ONLY in page.content.decode() and "Fetch" not in page.content.decode().replace("fetch it once", "")


@pytest.mark.parametrize(("who", "status"), [("editor", 302), ("admin", 302), ("viewer", 403), (None, 302)])
def test_who_may_fetch(
    client: Client,
    request: pytest.FixtureRequest,
    project: Project,
    queued: list[str],
    who: str | None,
    status: int,
    django_capture_on_commit_callbacks: object,
) -> None:
    if who:
        client.force_login(request.getfixturevalue(who))
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # pytest-django's fixture
        assert client.post(reverse("registry:fetch"), {"id": HUB_ONLY}).status_code == status
    allowed = who in ("editor", "admin")
    assert queued == ([HUB_ONLY] if allowed else [])
    assert BaseModelFetch.objects.filter(pk=HUB_ONLY, state=JobState.QUEUED).exists() == allowed


def test_a_base_model_that_is_not_on_the_shelf_is_not_found(client: Client, editor: User, project: Project) -> None:
    client.force_login(editor)
    assert client.post(reverse("registry:fetch"), {"id": "../etc"}).status_code == 404


def test_asking_twice_is_once_until_it_is_forgotten(editor: User, project: Project) -> None:
    for _ in range(2):
        base_models.order(model_id=HUB_ONLY, by=editor)
    assert AuditEntry.objects.filter(action="base_model.ordered").count() == 1
    BaseModelFetch.objects.update(changed_at=timezone.now() - timedelta(hours=1))
    base_models.order(model_id=HUB_ONLY, by=editor)
    assert AuditEntry.objects.filter(action="base_model.ordered").count() == 2


def test_the_page_asks_again_while_something_is_fetched(client: Client, editor: User, project: Project) -> None:
    client.force_login(editor)
    url = reverse("registry:base_models")
    assert "every 2s" not in client.get(url).content.decode()
    base_models.order(model_id=HUB_ONLY, by=editor)
    part = client.get(url, HTTP_HX_REQUEST="true").content.decode()
    assert "every 2s" in part and "Queued" in part and "<html" not in part


def test_without_the_hub_it_is_said_before_a_run_is_started(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    assert "cannot be reached" in client.get(reverse("registry:hub")).content.decode()
    assert not base_models.hub_is_reachable()
    assert [base_models.needs_hub(shelf.find(name)) for name in (HUB_ONLY, "all-minilm-l6-v2", "tiny")] == [
        True,
        False,
        False,
    ]


@pytest.mark.slow
def test_a_fetch_that_cannot_work_ends_in_words(editor: User, project: Project) -> None:
    base_models.order(model_id=HUB_ONLY, by=editor)
    execution.fetch(HUB_ONLY)
    fetch = BaseModelFetch.objects.get(pk=HUB_ONLY)
    assert fetch.state == JobState.FAILED and not fetch.is_under_way
    assert "bert-base-chinese" in fetch.error_message


def test_a_fetch_of_what_is_here_is_done_at_once(editor: User, project: Project) -> None:
    base_models.order(model_id="tiny", by=editor)
    tasks.fetch_base_model("tiny")
    assert BaseModelFetch.objects.get(pk="tiny").state == JobState.FINISHED
