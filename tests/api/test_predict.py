"""The predict address works for Hugging Face's own client, unchanged, over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import User
from nlpstudio.config.asgi import application
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.registry.models import ModelVersion
from tests.live import serving
from tests.published import Publish, dataset_version, outcome, own_files, publish, serve_worker, trained, version

__all__ = ["dataset_version", "outcome", "own_files", "publish", "serve_worker", "trained", "version"]

TEXT = "the film was good 这家酒店好 🙂"


@pytest.fixture
def studio(transactional_db: None, settings: Any) -> Iterator[str]:
    """The address of a web process on a free port."""
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    with serving(application) as address:
        yield address


@pytest.fixture
def url(studio: str, version: ModelVersion) -> str:
    return f"{studio}/api/v1/model-versions/{version.pk}/predict"


@pytest.fixture
def token(viewer: User) -> str:
    return accounts.create_token(user=viewer, name="test")[1]


def hub_client(studio: str, token: str, version: ModelVersion) -> InferenceClient:
    return InferenceClient(model=f"{studio}/api/v1/model-versions/{version.pk}/predict", token=token, timeout=60)


def test_the_hub_client_classifies_as_the_model_does(
    url: str, token: str, serve_worker: Pool, version: ModelVersion
) -> None:
    client = InferenceClient(model=url, token=token)
    answer = client.text_classification(TEXT)
    expected = Predictor.load(version.artifact).predict(TEXT)[0]
    assert [each.label for each in answer] == [each["label"] for each in expected]
    assert [each.score for each in answer] == pytest.approx([each["score"] for each in expected], abs=1e-6)
    best = client.text_classification(TEXT, top_k=1)
    assert [each.label for each in best] == [expected[0]["label"]]
    plain = client.text_classification(TEXT, function_to_apply="sigmoid")
    assert sum(each.score for each in plain) != pytest.approx(1, abs=1e-4)


def test_the_shapes_are_those_of_hugging_face(url: str, token: str, serve_worker: Pool) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    one = httpx.post(url, json={"inputs": TEXT}, headers=headers, timeout=30).json()
    assert len(one) == 1 and {tuple(sorted(each)) for each in one[0]} == {("label", "score")}
    many = httpx.post(url, json={"inputs": [TEXT, "bad"]}, headers=headers, timeout=30).json()
    assert len(many) == 2
    assert [each["score"] for each in many[0]] == pytest.approx([each["score"] for each in one[0]], abs=1e-5)


def test_many_clients_at_once_each_get_their_own_answer(
    url: str, token: str, serve_worker: Pool, version: ModelVersion
) -> None:
    texts = [f"{'good' if number % 2 else 'bad'} film {number}" for number in range(24)]
    expected = {text: Predictor.load(version.artifact).predict(text)[0][0] for text in texts}
    found: dict[str, Any] = {}

    def ask(text: str) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
            found[text] = client.post(url, json={"inputs": text}).json()[0][0]

    threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {text: each["label"] for text, each in found.items()} == {t: e["label"] for t, e in expected.items()}
    for text in texts:
        assert found[text]["score"] == pytest.approx(expected[text]["score"], abs=1e-5)


@pytest.mark.parametrize(
    "body",
    [{"inputs": ""}, {"inputs": 3}, {"inputs": []}, {"inputs": "x", "parameters": {"top_k": 0}}],
)
def test_unsuitable_input_is_400_with_words(url: str, token: str, serve_worker: Pool, body: dict[str, Any]) -> None:
    answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "predict.unsuitable"


@pytest.mark.parametrize("body", [b'{"inputs": "\\ud83d"}', b'{"inputs": "x", "parameters": {"abstain_below": NaN}}'])
def test_what_is_no_text_or_no_number_is_400(url: str, token: str, serve_worker: Pool, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer = httpx.post(url, content=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "predict.unsuitable")


def test_the_hub_client_raises_its_own_error_with_our_words(url: str, token: str, serve_worker: Pool) -> None:
    with pytest.raises(HfHubHTTPError, match="text is empty") as raised:
        InferenceClient(model=url, token=token).text_classification(" ")
    assert raised.value.response.status_code == 400


def test_strangers_and_the_tokenless_get_nothing(url: str, stranger: User, serve_worker: Pool) -> None:
    secret = accounts.create_token(user=stranger, name="test")[1]
    asked = [
        httpx.post(url, json={"inputs": TEXT}, headers=headers)
        for headers in ({}, {"Authorization": f"Bearer {secret}"}, {"Authorization": "Bearer wrong"})
    ]
    assert [each.status_code for each in asked] == [401, 404, 401]


def test_without_a_serve_worker_it_is_503_in_words(url: str, token: str, settings: Any) -> None:
    settings.SERVE_SOCKET = settings.FILES_ROOT / "nobody"
    answer = httpx.post(url, json={"inputs": TEXT}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "serve.away"


def test_a_full_queue_is_429_with_retry_after(url: str, token: str, serve_worker: Pool, version: ModelVersion) -> None:
    httpx.post(url, json={"inputs": TEXT}, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    serve_worker._get(f"{version.pk}/model").batcher._waiting_most = 0
    answer = httpx.post(url, json={"inputs": TEXT}, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["error"]["code"] == "serve.busy"


def test_the_hub_client_marks_entities_at_exact_code_points(
    studio: str, token: str, serve_worker: Pool, publish: Publish
) -> None:
    version = publish("ner")
    client = hub_client(studio, token, version)
    text = "🙂 anna lake lives in 北京"
    model = Predictor.load(version.artifact)
    strategies: list[Any] = [{"aggregation_strategy": each} for each in ("none", "simple", "first", "average", "max")]
    for parameters in ({}, *strategies, {"aggregation_strategy": "none", "ignore_labels": []}):
        answer = client.token_classification(text, **parameters)
        expected: Any = model.predict(text, parameters)
        assert [(each.start, each.end, each.word) for each in answer] == [
            (each["start"], each["end"], each["word"]) for each in expected
        ]
        assert all(text[each.start : each.end] for each in answer)
        scores = [each.score for each in answer]
        assert scores == pytest.approx([each["score"] for each in expected], abs=1e-5)
    tags = client.token_classification(text, aggregation_strategy="none", ignore_labels=[])
    assert tags and all(each.entity and each.entity_group is None for each in tags)
    headers = {"Authorization": f"Bearer {token}"}
    many = httpx.post(str(client.model), json={"inputs": [text, "paris"]}, headers=headers, timeout=30).json()
    assert len(many) == 2 and [each["word"] for each in many[0]] == [
        each.word for each in client.token_classification(text)
    ]


def test_the_hub_client_finds_answers(studio: str, token: str, serve_worker: Pool, publish: Publish) -> None:
    version = publish("qa")
    client = hub_client(studio, token, version)
    asked = {"question": "where is anna 7", "context": "🙂 anna 7 lives in 北京 and works at a lake."}
    best: Any = client.question_answering(**asked, handle_impossible_answer=False)
    assert asked["context"][best.start : best.end] == best.answer != ""
    several: Any = client.question_answering(**asked, top_k=3)
    assert [each.score for each in several] == sorted((each.score for each in several), reverse=True)
    assert len(several) == 3
    url, headers = f"{studio}/api/v1/model-versions/{version.pk}/predict", {"Authorization": f"Bearer {token}"}
    one = httpx.post(url, json={"inputs": asked}, headers=headers, timeout=30).json()
    assert isinstance(one, dict)
    many = httpx.post(url, json={"inputs": [asked, asked]}, headers=headers, timeout=30).json()
    assert isinstance(many, list) and len(many) == 2


def test_the_hub_client_fills_gaps(studio: str, token: str, serve_worker: Pool, publish: Publish) -> None:
    version = publish("pretraining")
    client, model = hub_client(studio, token, version), Predictor.load(version.artifact)
    text = "the film 7 was [MASK] and we love it. 我 喜欢 电影 7"
    for parameters in ({}, {"top_k": 2}, {"targets": ["good", "差"]}):
        answer = client.fill_mask(text, **parameters)
        expected: Any = model.predict(text, parameters)
        found = [(each.token, each.token_str, each.sequence) for each in answer]
        assert found == [(each["token"], each["token_str"], each["sequence"]) for each in expected]
        assert [each.score for each in answer] == pytest.approx([each["score"] for each in expected], abs=1e-6)
    assert len(client.fill_mask(text, top_k=2)) == 2
    assert {each.token_str for each in client.fill_mask(text, targets=["good", "差"])} == {"good", "差"}
    with pytest.raises(HfHubHTTPError, match="MASK"):
        client.fill_mask("the film was good")
