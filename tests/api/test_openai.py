"""OpenAI's own client, unchanged, talks to a really trained model over a real socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from huggingface_hub import InferenceClient

from nlpstudio.accounts import services as accounts
from nlpstudio.accounts.models import Scope, User
from nlpstudio.config.asgi import application
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.registry.models import ModelVersion
from tests.live import serving
from tests.published import Publish, dataset_version, outcome, own_files, publish, serve_worker, trained

__all__ = ["dataset_version", "outcome", "own_files", "publish", "serve_worker", "trained"]

MESSAGES: Any = [{"role": "user", "content": "good film 3"}]


@pytest.fixture
def studio(transactional_db: None, settings: Any) -> Iterator[str]:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    with serving(application) as address:
        yield address


@pytest.fixture
def writes(publish: Publish) -> ModelVersion:
    return publish("generation", model_name="Writer")


def client_of(studio: str, user: User) -> openai.OpenAI:
    token = accounts.create_token(user=user, name="test")[1]
    return openai.OpenAI(base_url=f"{studio}/v1", api_key=token, max_retries=0, timeout=60)


def test_the_client_chats_whole_and_streamed(
    studio: str, viewer: User, serve_worker: Pool, writes: ModelVersion
) -> None:
    client = client_of(studio, viewer)
    assert [each.id for each in client.models.list()] == [str(writes.pk)]
    assert client.models.retrieve("Writer").id == str(writes.pk)
    whole = client.chat.completions.create(model="Writer", messages=MESSAGES, temperature=0, max_tokens=12)
    expected = Predictor.load(writes.artifact).predict("good film 3", {"max_new_tokens": 12})
    assert whole.choices[0].message.content == expected[0]["generated_text"]  # type: ignore[index]
    assert whole.choices[0].finish_reason in ("stop", "length")
    assert whole.usage is not None and 0 < whole.usage.completion_tokens <= 12
    stream = client.chat.completions.create(
        model=str(writes.model_id), messages=MESSAGES, temperature=0, max_tokens=12, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].usage == whole.usage


def test_plain_texts_are_written_on(studio: str, viewer: User, serve_worker: Pool, writes: ModelVersion) -> None:
    client = client_of(studio, viewer)
    asked: dict[str, Any] = {"model": str(writes.pk), "temperature": 0, "max_tokens": 5}
    whole = client.completions.create(prompt=["the film", "a book"], **asked)
    assert [choice.index for choice in whole.choices] == [0, 1]
    streamed = client.completions.create(prompt="the film", stream=True, **asked)
    assert "".join(chunk.choices[0].text for chunk in streamed) == whole.choices[0].text
    echoed = client.completions.create(prompt="the film", echo=True, **asked)
    assert echoed.choices[0].text == "the film" + whole.choices[0].text


def test_what_cannot_be_done_is_refused_as_openai_refuses(
    studio: str, viewer: User, stranger: User, serve_worker: Pool, writes: ModelVersion, publish: Publish
) -> None:
    client = client_of(studio, viewer)
    with pytest.raises(openai.NotFoundError):
        client_of(studio, stranger).chat.completions.create(model=str(writes.pk), messages=MESSAGES)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nobody", messages=MESSAGES)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=str(publish().pk), messages=MESSAGES)  # a classifier
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{studio}/v1", api_key="nlps_wrong", max_retries=0).models.list()
    for wrong in (
        {"n": 2}, {"temperature": -1}, {"max_tokens": 0}, {"logprobs": True},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
    ):  # fmt: skip
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model="Writer", messages=MESSAGES, **wrong)  # type: ignore[call-overload]
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="Writer", messages=[])
    long: Any = [{"role": "user", "content": "good " * 300}]
    with pytest.raises(openai.BadRequestError, match="up to 16"):
        client.completions.create(model="Writer", prompt=["the film"] * 17)
    with pytest.raises(openai.BadRequestError, match="Shorten the prompt"):
        client.chat.completions.create(model="Writer", messages=long)


def test_a_token_to_predict_is_enough_and_one_for_a_model_opens_no_other(
    studio: str, viewer: User, writes: ModelVersion, publish: Publish
) -> None:
    other = publish("generation", model_name="Another")
    model = (writes.model_id, writes.model.name)
    key = accounts.create_token(viewer, "limited", scope=Scope.PREDICT, model=model)[1]
    client = openai.OpenAI(base_url=f"{studio}/v1", api_key=key, max_retries=0, timeout=60)
    assert [each.id for each in client.models.list()] == [str(writes.pk)]
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=str(other.pk), messages=MESSAGES)


def test_requests_of_a_token_are_counted(studio: str, viewer: User) -> None:
    key = accounts.create_token(viewer, "slow", per_minute=1)[1]
    client = openai.OpenAI(base_url=f"{studio}/v1", api_key=key, max_retries=0, timeout=60)
    with pytest.raises(openai.RateLimitError):
        for _ in range(3):  # two of them are in one minute
            client.models.list()


def test_without_a_serve_worker_it_says_so(studio: str, viewer: User, writes: ModelVersion, settings: Any) -> None:
    settings.SERVE_SOCKET = settings.FILES_ROOT / "nobody"
    with pytest.raises(openai.InternalServerError, match="No serve worker answers"):
        client_of(studio, viewer).chat.completions.create(model="Writer", messages=MESSAGES)


def test_writing_ends_when_the_client_goes_away(
    studio: str, viewer: User, serve_worker: Pool, writes: ModelVersion
) -> None:
    stream = client_of(studio, viewer).completions.create(
        model="Writer", prompt="the", temperature=2, max_tokens=100, stream=True, stop="never said"
    )
    next(iter(stream))
    stream.close()
    deadline = time.monotonic() + 30
    while any(each["waiting"] for each in serve_worker.describe()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_hugging_faces_client_gets_the_models_texts(
    studio: str, viewer: User, serve_worker: Pool, publish: Publish
) -> None:
    token, text = accounts.create_token(user=viewer, name="test")[1], "good film 1"

    def client(version: ModelVersion) -> InferenceClient:
        return InferenceClient(model=f"{studio}/api/v1/model-versions/{version.pk}/predict", token=token, timeout=60)

    version = publish("translation", model_name="T")
    translated = client(version).translation(text).translation_text
    assert [{"translation_text": translated}] == Predictor.load(version.artifact).predict(text)
    version = publish("summarization", model_name="S")
    summary = client(version).summarization(text).summary_text
    assert [{"summary_text": summary}] == Predictor.load(version.artifact).predict(text)
    version = publish("generation", model_name="W")
    writer, expected = client(version), Predictor.load(version.artifact).predict(text, {"max_new_tokens": 5})
    assert [{"generated_text": writer.text_generation(text, max_new_tokens=5)}] == expected
    details = writer.text_generation(text, max_new_tokens=5, details=True)
    assert details.details is not None and 0 < details.details.generated_tokens <= 5


def test_pages_of_a_writer_show_figures_samples_and_chat(
    client: Any, viewer: User, serve_worker: Pool, writes: ModelVersion, publish: Publish
) -> None:
    client.force_login(viewer)
    page = client.get(f"/model-versions/{writes.pk}/").content.decode()
    assert "Perplexity" in page and "Written by the model" in page and f"/model-versions/{writes.pk}/chat/" in page
    assert client.get(f"/model-versions/{writes.pk}/mistakes/").status_code == 200
    assert "data-chat" in client.get(f"/model-versions/{writes.pk}/chat/").content.decode()
    answer = client.post(f"/model-versions/{writes.pk}/demo/predict/", {"text": "good film", "max_new_tokens": 5})
    assert answer.status_code == 200 and "text_generation" in answer.content.decode()
    other = publish("translation", model_name="T")
    page = client.get(f"/model-versions/{other.pk}/").content.decode()
    assert "BLEU" in page and "chrF" in page
    answer = client.post(f"/model-versions/{other.pk}/demo/predict/", {"text": "good film", "num_beams": 2})
    assert answer.status_code == 200 and "num_beams" in answer.content.decode()
    assert client.get(f"/model-versions/{other.pk}/chat/").status_code == 302


def test_the_pages_own_stream_says_what_is_wrong(studio: str, viewer: User, writes: ModelVersion) -> None:
    answer = httpx.post(f"{studio}/model-versions/{writes.pk}/demo/stream/", json={"inputs": "x"})
    assert answer.status_code in (302, 403)
