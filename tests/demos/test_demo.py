"""The demo page asks a really trained model through a real serve worker."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse
from huggingface_hub import InferenceClient

from nlpstudio.accounts.models import User
from nlpstudio.demos import services, snippets
from nlpstudio.demos.forms import DEMOS
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.registry.models import ModelVersion
from tests.published import Publish


def test_every_task_has_a_demo() -> None:
    assert set(DEMOS) == set(CATALOGUE)


@pytest.mark.parametrize("page", ["demo", "predict", "state"])
@pytest.mark.parametrize(("who", "status"), [("viewer", 200), ("stranger", 404), (None, 302)])
def test_who_may_try_a_model(
    client: Client,
    request: pytest.FixtureRequest,
    serve_worker: Pool,
    version: ModelVersion,
    page: str,
    who: str | None,
    status: int,
) -> None:
    if who:
        client.force_login(request.getfixturevalue(who))
    url = reverse(f"demos:{page}", args=[version.pk])
    answer = client.post(url, {"text": "good film"}) if page == "predict" else client.get(url)
    assert answer.status_code == status


def test_the_answer_is_what_the_predictor_says(serve_worker: Pool, version: ModelVersion) -> None:
    direct = Predictor.load(version.artifact)
    for inputs in ("the film was good.", ["bad", "这家酒店好"], {"text": "good", "text_pair": "bad"}):
        answered = services.predict(version, inputs)
        for one, other in zip(answered.prediction, direct.predict(inputs), strict=True):
            assert [each["label"] for each in one] == [each["label"] for each in other]
            assert [each["score"] for each in one] == pytest.approx([each["score"] for each in other], abs=1e-6)
    assert services.predict(version, "good", {"top_k": 1}).prediction[0][0]["score"] > 0.5


def test_a_plain_form_answers_with_the_whole_page_and_htmx_with_the_answer(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    url = reverse("demos:predict", args=[version.pk])
    whole = client.post(url, {"text": "这家酒店好"}).content.decode()
    part = client.post(url, {"text": "这家酒店好"}, HTTP_HX_REQUEST="true").content.decode()
    assert "<html" in whole and "<html" not in part
    for page in (whole, part):
        assert "positive" in page and "negative" in page and " ms" in page
        assert f"/api/v1/model-versions/{version.pk}/predict" in page
        assert "InferenceClient" in page and "Authorization: Bearer $STUDIO_TOKEN" in page
    assert "这家酒店好</textarea>" in whole


def test_a_link_keeps_the_input_and_its_answer(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    answer = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good & <b>bad</b> 好"})
    link = answer.context["link"]
    assert parse_qs(urlsplit(link).query) == {"text": ["good & <b>bad</b> 好"]}
    again = client.get(link)
    assert again.context["result"] == answer.context["result"]
    assert "<b>bad</b>" not in again.content.decode()


def test_an_input_too_long_for_a_link_is_answered_without_one(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    answer = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good film " * 500})
    assert answer.context["link"] == ""
    assert "too long for a link" in answer.content.decode()


def test_examples_from_the_data_are_offered(client: Client, viewer: User, version: ModelVersion) -> None:
    client.force_login(viewer)
    page = client.get(reverse("demos:demo", args=[version.pk]))
    assert len(page.context["examples"]) == len(version.examples) > 0
    assert version.examples[0]["text"] in page.content.decode()


def test_an_empty_text_is_refused_in_words(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    url = reverse("demos:predict", args=[version.pk])
    assert client.post(url, {"text": ""}).status_code == 422
    blank = client.post(url, {"text": "   "})
    assert blank.status_code == 422 and "the text is empty" in blank.content.decode()


def test_without_a_serve_worker_the_page_says_so(
    client: Client, viewer: User, version: ModelVersion, settings: Any
) -> None:
    settings.SERVE_SOCKET = settings.FILES_ROOT / "nobody"
    client.force_login(viewer)
    url = reverse("demos:predict", args=[version.pk])
    whole = client.post(url, {"text": "good"})
    assert whole.status_code == 503 and "No serve worker answers" in whole.content.decode()
    part = client.post(url, {"text": "good"}, HTTP_HX_REQUEST="true")
    assert part.status_code == 200 and "No serve worker answers" in part.content.decode()
    assert "cannot be asked" in client.get(reverse("demos:state", args=[version.pk])).content.decode()


def test_the_state_says_when_the_model_is_ready(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    url = reverse("demos:state", args=[version.pk])
    first = client.get(url).content.decode()
    assert "Warming up" in first or "ready" in first
    services.predict(version, "good")
    assert "Model is ready" in client.get(url).content.decode()


def test_unsuitable_parameters_are_told(serve_worker: Pool, version: ModelVersion) -> None:
    with pytest.raises(UnsuitableInput, match="nonsense"):
        services.predict(version, "good", {"nonsense": 1})


def test_a_damaged_model_is_refused_in_words(serve_worker: Pool, version: ModelVersion) -> None:
    with (version.artifact / "config.json").open("a") as file:
        file.write(" ")
    with pytest.raises(services.ServeRefused, match=r"config\.json") as refused:
        services.predict(version, "good")
    assert (refused.value.status, refused.value.code) == (503, "artifact.damaged")


ASKED = {
    "classification": {"text": "good film"},
    "ner": {"text": "🙂 anna lake lives in 北京"},
    "qa": {"context": "🙂 anna 7 lives in 北京.", "question": "where is anna 7"},
    "translation": {"text": "good film 1"},
    "summarization": {"text": "good film 1"},
    "generation": {"text": "good film 1", "max_new_tokens": "5"},
}


@pytest.mark.parametrize("task", list(ASKED))
def test_every_task_answers_on_its_page_and_its_link(
    client: Client, viewer: User, serve_worker: Pool, publish: Publish, task: str
) -> None:
    version = publish(task)
    client.force_login(viewer)
    answer = client.post(reverse("demos:predict", args=[version.pk]), ASKED[task])
    assert answer.status_code == 200
    marked = "".join(piece.text for piece in answer.context["result"].marked)
    assert marked in ASKED[task].values() or task not in ("ner", "qa")
    assert client.get(answer.context["link"]).context["result"] == answer.context["result"]
    for example in client.get(reverse("demos:demo", args=[version.pk])).context["examples"]:
        assert client.get(example["address"]).context["result"]


@pytest.mark.parametrize("task", list(ASKED))
def test_the_python_shown_is_what_the_client_takes(task: str) -> None:
    form = DEMOS[task].form(ASKED[task])
    assert form.is_valid()
    code = snippets.python("http://studio/predict", task, form.inputs(), dict(form.parameters))
    compile(code, "shown", "exec")
    assert f"client.{DEMOS[task].client}(" in code
    assert hasattr(InferenceClient, DEMOS[task].client)


def test_demo_and_program_abstain_below_the_saved_threshold(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    with pytest.raises(UnsuitableInput, match="no decision threshold"):
        services.predict(version, "good", {"abstain": True})
    version.abstain_below, version.wanted_precision = 0.9999, 0.99
    version.save()
    answer = services.predict(version, "good", {"abstain": True}).prediction
    assert [set(each) for each in answer[0]] == [{"label", "score", "abstained"}] * 2
    assert answer[0][0]["abstained"] is True
    assert (
        services.predict(version, "good", {"abstain": True, "abstain_below": 0.0}).prediction[0][0]["abstained"]
        is False
    )
    plain = services.predict(version, "good").prediction
    assert plain == services.predict(version, "good", {"abstain": False}).prediction
    assert set(plain[0][0]) == {"label", "score"}
    client.force_login(viewer)
    page = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good"}).content.decode()
    assert "a person should decide" in page and "&quot;abstain&quot;: true" in page


def test_what_the_model_cannot_take_is_said_in_the_language_of_the_page(
    client: Client, viewer: User, serve_worker: Pool, publish: Publish
) -> None:
    client.force_login(viewer)
    client.cookies["django_language"] = "zh-hans"
    url = reverse("demos:predict", args=[publish("pretraining").pk])
    assert "文本中没有空缺" in client.post(url, {"text": "nothing to fill"}).content.decode()
    version = publish()
    with (version.artifact / "config.json").open("a") as file:
        file.write(" ")
    answer = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good film"})
    assert answer.status_code == 503 and "与清单不符" in answer.content.decode()
