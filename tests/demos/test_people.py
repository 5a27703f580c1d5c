"""The people's side of a demo: two versions side by side, a history of one's own, reasons, and who may sit where."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.accounts.services import create_token
from nlpstudio.demos import history, services
from nlpstudio.demos.asking import EXPLAINED
from nlpstudio.demos.models import PastInput
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.registry import reports
from nlpstudio.registry.models import Model, ModelVersion, Visibility
from tests.demos.test_demo import ASKED
from tests.published import Publish


def test_two_versions_answer_side_by_side(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion, publish: Publish
) -> None:
    other, tagger = publish(), publish("ner")
    client.force_login(viewer)
    page = client.get(reverse("demos:demo", args=[version.pk]))
    assert page.context["others"] == [other] and tagger not in page.context["others"]
    answer = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good film", "with": str(other.pk)})
    assert answer.context["agree"] is True
    assert answer.content.decode().count("data-answer") == 2
    again = client.get(answer.context["link"])
    assert again.context["other"].version == other
    alone = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good film", "with": str(tagger.pk)})
    assert alone.context["other"] is None


def test_a_version_that_cannot_answer_says_so_beside_the_one_that_can(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion, publish: Publish
) -> None:
    other = publish()
    with (other.artifact / "config.json").open("a") as file:
        file.write(" ")
    client.force_login(viewer)
    answer = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good film", "with": str(other.pk)})
    assert answer.status_code == 200 and answer.context["agree"] is None
    assert "differs from its manifest" in answer.content.decode()


def test_the_last_inputs_are_the_askers_own_bounded_and_can_be_forgotten(
    client: Client, viewer: User, editor: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    url = reverse("demos:predict", args=[version.pk])
    for text in ("good film", "bad film", "good film"):
        client.post(url, {"text": text})
    client.get(url.replace("predict/", ""), {"text": "from a link"})
    past = history.of(viewer, version)
    assert [each.fields for each in past] == [{"text": "good film"}, {"text": "bad film"}]
    assert past[0].said in ("positive", "negative")
    assert history.of(editor, version) == []
    for number in range(25):
        history.remember(user=viewer, version=version, fields={"text": f"film {number}"}, said="")
    assert len(history.of(viewer, version)) == 20
    history.remember(user=viewer, version=version, fields={"text": "x" * 30_000}, said="")
    assert history.of(viewer, version)[0].fields == {"text": "film 24"}
    newest = history.of(viewer, version)[0]
    forget = reverse("demos:forget", args=[version.pk])
    client.post(forget, {"entry": str(newest.pk)})
    client.post(forget, {"entry": "all of them"})
    assert newest not in history.of(viewer, version) and PastInput.objects.count() == 19
    history.remember(user=editor, version=version, fields={"text": "mine"}, said="")
    part = client.post(forget, HTTP_HX_REQUEST="true").content.decode()
    assert 'id="history"' in part and "film" not in part
    assert [each.user for each in PastInput.objects.all()] == [editor]


@pytest.mark.parametrize("task", EXPLAINED)
def test_every_task_says_why(client: Client, viewer: User, serve_worker: Pool, publish: Publish, task: str) -> None:
    version = publish(task)
    client.force_login(viewer)
    answer = client.post(reverse("demos:predict", args=[version.pk]), ASKED[task])
    choices = answer.context["choices"]
    if not choices:
        choices = [type("Choice", (), {"value": json.dumps({"start": 2, "end": 6, "label": "PER"})})]
    url = reverse("demos:explain", args=[version.pk])
    given = {**ASKED[task], "target": choices[-1].value}
    part = client.post(url, given, HTTP_HX_REQUEST="true")
    found = part.context["reasons"]
    assert {"".join(piece.text for piece in pieces) for _name, pieces in found.texts} == set(ASKED[task].values())
    assert "Integrated gradients" in part.content.decode() and "Sundararajan" in part.content.decode()
    whole = client.post(url, given)
    assert whole.context["reasons"] == found and "<html" in whole.content.decode()
    refused = client.post(url, {**given, "target": "[1]"}, HTTP_HX_REQUEST="true")
    assert "target must be an object" in refused.content.decode()


def test_a_model_that_writes_has_no_reasons(client: Client, viewer: User, publish: Publish) -> None:
    client.force_login(viewer)
    asked = reverse("demos:explain", args=[publish("generation").pk])
    assert client.post(asked, {"text": "the film"}).status_code == 404


def test_a_guest_tries_a_model_for_everyone_and_sees_no_data(
    client: Client, owner: User, stranger: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(stranger)
    demo, model = reverse("demos:demo", args=[version.pk]), reverse("registry:model", args=[version.model_id])
    listed = reverse("registry:shared")
    assert client.get(demo).status_code == client.get(model).status_code == 404
    assert version.model not in client.get(listed).context["page"].object_list
    client.force_login(owner)
    show = reverse("registry:show_to", args=[version.model_id])
    client.post(show, {"visibility": Visibility.EVERYONE})
    assert AuditEntry.objects.get(action="model.shown_to").details["after"] == "everyone"

    client.force_login(stranger)
    assert version.model in client.get(listed).context["page"].object_list
    page = client.get(demo)
    assert page.context["examples"] == [] and version.examples[0]["text"] not in page.content.decode()
    answer = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good film"})
    assert answer.status_code == 200 and "correction" not in answer.context
    assert "This is wrong" not in answer.content.decode()
    for address in (model, reverse("registry:version", args=[version.pk])):
        shown = client.get(address).content.decode()
        for hidden in ("Tiny data", "/mistakes/", "/dataset-versions/", str(version.model.project_id)):
            assert hidden not in shown
    header = {"HTTP_AUTHORIZATION": f"Bearer {create_token(user=stranger, name='guest')[1]}"}
    told = client.get(f"/api/v1/model-versions/{version.pk}", **header).json()
    assert (told["examples"], told["dataset_version"], told["run"]) == ([], None, None)
    assert client.get("/api/v1/models", **header).json()["count"] == 1

    client.force_login(owner)
    client.post(show, {"visibility": Visibility.PROJECT})
    client.force_login(stranger)
    assert client.get(demo).status_code == 404 and client.get("/api/v1/models", **header).json()["count"] == 0


def test_reasons_come_through_the_worker_and_its_refusals_in_words(serve_worker: Pool, version: ModelVersion) -> None:
    explained = services.explain(version, "good film", {"label": "positive"})
    assert explained["method"] == "integrated_gradients"
    assert [each["end"] for each in explained["words"]["text"]] == [4, 9]


def test_a_guest_reads_a_report_without_the_rows_in_it(
    client: Client, viewer: User, stranger: User, publish: Publish
) -> None:
    version = publish("translation")
    Model.objects.filter(pk=version.model_id).update(visibility=Visibility.EVERYONE)
    page, api = reverse("registry:version", args=[version.pk]), f"/api/v1/model-versions/{version.pk}/evaluation"
    (row, *_) = reports.of(version)[0].tables["samples"]
    told: dict[User, str] = {}
    for user in (viewer, stranger):
        client.force_login(user)
        header = {"HTTP_AUTHORIZATION": f"Bearer {create_token(user=user, name='test')[1]}"}
        report = client.get(api, **header)
        assert report.json()["splits"]["test"]["metrics"] == version.metrics
        told[user] = client.get(page).content.decode() + json.dumps(report.json(), ensure_ascii=False)
    assert row["given"] in told[viewer] and row["reference"] in told[viewer]
    assert row["given"] not in told[stranger] and row["reference"] not in told[stranger]
