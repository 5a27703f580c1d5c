"""Predicting a file: from the upload to the result, by pages and by the API, with a real engine process behind it."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.accounts.services import create_token
from nlpstudio.core import clock
from nlpstudio.core.errors import StudioError
from nlpstudio.demos import batches, downloads, execution, tasks
from nlpstudio.demos.models import Batch, BatchState
from nlpstudio.engine.batch.journal import progress_of
from nlpstudio.engine.batch.order import Reading, Result
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.registry.models import EngineExport, JobState, ModelVersion
from tests.published import Publish

ROWS = "id\tcomment\n1\tgood film\n2\tbad meal\n3\t\n4\t=cmd good\n"

Bring = Callable[..., Batch]


@pytest.fixture
def bring(version: ModelVersion, viewer: User) -> Bring:
    """A queued prediction of a file."""

    def make(content: str | bytes = ROWS, name: str = "rows.tsv", reading: Reading | None = None) -> Batch:
        data = content.encode() if isinstance(content, str) else content
        file = SimpleUploadedFile(name, data)
        return batches.upload(version=version, file=file, by=viewer, reading=reading or Reading())

    return make


def content_of(response: Any) -> bytes:
    async def collected() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    import asyncio

    return asyncio.run(collected())


@pytest.mark.slow
def test_a_file_comes_back_with_answers(bring: Bring, version: ModelVersion) -> None:
    batch = bring()
    assert (batch.state, batch.reading["columns"], batch.reading["header"]) == ("queued", {"text": "comment"}, True)
    assert execution.execute()
    batch.refresh_from_db()
    assert (batch.state, batch.rows, batch.total_rows, batch.error_rows) == ("finished", 4, 4, 1)
    lines = [line.split("\t") for line in content_of(downloads.result(batch)).decode().splitlines()]
    expected = Predictor.load(version.artifact).predict(["good film", "bad meal"])
    assert [line[:3] for line in lines[1:3]] == [
        ["1", "good film", expected[0][0]["label"]],
        ["2", "bad meal", expected[1][0]["label"]],
    ]
    assert lines[3][-1] == "the text is empty"
    safe = content_of(downloads.result(batch, safe=True)).decode("utf-8-sig").splitlines()
    assert safe[4].startswith("4\t'=cmd good\t") and safe[1].startswith("1\tgood film\t")
    assert not (batch.folder / "work").exists()
    assert not execution.execute()


@pytest.mark.slow
def test_a_killed_process_is_started_again_and_goes_on(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = bring("text\n" + "".join(f"good film {number}\n" for number in range(20_000)))
    started: list[subprocess.Popen[bytes]] = []
    start = execution._start

    def started_and_killed(given: Batch) -> subprocess.Popen[bytes]:
        process = start(given)
        started.append(process)
        while len(started) == 1 and process.poll() is None:
            progress = progress_of(given.folder / "work")
            if progress is not None and 0 < progress.rows < 20_000:
                os.killpg(process.pid, signal.SIGKILL)
                break
            time.sleep(0.02)
        return process

    monkeypatch.setattr(execution, "_start", started_and_killed)
    assert execution.execute()
    batch.refresh_from_db()
    assert (batch.state, batch.heartbeat_at) == ("queued", None)
    assert execution.execute()
    batch.refresh_from_db()
    assert (batch.state, batch.rows, len(started)) == ("finished", 20_000, 2)
    lines = content_of(downloads.result(batch)).decode().splitlines()[1:]
    assert [line.split("\t")[0] for line in lines] == [f"good film {number}" for number in range(20_000)]


def test_a_batch_that_never_gets_on_fails_in_words(bring: Bring) -> None:
    batch = bring()
    Batch.objects.filter(pk=batch.pk).update(attempt=execution.MAX_ATTEMPTS, rows=7, attempt_rows=7)
    assert execution.execute()
    batch.refresh_from_db()
    assert (batch.state, batch.error_code) == ("failed", "batch.lost") and "after row 7" in batch.error_message


def test_one_is_answered_at_a_time_and_a_silent_worker_loses_it(bring: Bring) -> None:
    first, second = bring(), bring()
    held = execution._claim()
    assert held is not None and held.pk == first.pk
    assert execution._claim() is None and not execution.is_next_waiting()
    Batch.objects.filter(pk=first.pk).update(heartbeat_at=clock.in_seconds(-3600))
    again = execution._claim()
    assert again is not None and (again.pk, again.fence, again.attempt) == (first.pk, 2, 2)
    with pytest.raises(execution.Superseded):
        execution._write(held, rows=99)
    execution._fail(held, execution.BatchLost(3))
    again.refresh_from_db()
    assert (again.state, again.rows) == (BatchState.RUNNING, 0)
    assert second.state == BatchState.QUEUED


@pytest.mark.slow
def test_cancelling_ends_the_process_and_keeps_nothing(
    bring: Bring, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = bring("text\n" + "good film\n" * 50_000)
    started: list[subprocess.Popen[bytes]] = []
    start = execution._start

    def started_and_cancelled(given: Batch) -> subprocess.Popen[bytes]:
        started.append(start(given))
        batches.cancel(batch=batch, by=viewer)
        return started[0]

    monkeypatch.setattr(execution, "_start", started_and_cancelled)
    assert execution.execute()
    batch.refresh_from_db()
    assert batch.state == BatchState.CANCELLED and started[0].poll() is not None
    assert not (batch.folder / "work").exists() and not (batch.folder / "result").exists()
    with pytest.raises(StudioError):
        batches.cancel(batch=batch, by=viewer)


@pytest.mark.slow
def test_a_worker_that_is_shut_down_gives_the_batch_back(bring: Bring) -> None:
    batch = bring()
    assert execution.execute(should_leave=lambda: True)
    batch.refresh_from_db()
    assert (batch.state, batch.attempt, batch.heartbeat_at) == ("queued", 0, None)


@pytest.mark.slow
def test_a_damaged_model_is_said_in_words_and_can_be_tried_again(
    bring: Bring, version: ModelVersion, viewer: User
) -> None:
    config = version.artifact / "config.json"
    before = config.read_text()
    config.write_text(before + " ")
    batch = bring()
    execution.execute()
    batch.refresh_from_db()
    assert (batch.state, batch.error_code) == ("failed", "artifact.damaged") and "config.json" in batch.error_message
    config.write_text(before)
    batches.resume(batch=batch, by=viewer)
    execution.execute()
    batch.refresh_from_db()
    assert (batch.state, batch.error_message) == ("finished", "")


@pytest.mark.parametrize(
    ("content", "name", "columns"),
    [
        ("id\tcomment\n1\tgood\n", "a.tsv", {"text": "comment"}),
        ("comment,stars\ngood film,5\n", "a.csv", {"text": "comment"}),
        ("Text;n\ngood;1\n", "a.csv", {"text": "Text"}),
        ("good film\nbad meal\n", "a.txt", {"text": "0"}),
        ('{"stars": 5, "body": "a good film"}\n', "a.jsonl", {"text": "body"}),
        ("review\ttext\ngood\tbad\n", "a.tsv", {"text": "review"}),
    ],
)
def test_columns_are_guessed_from_training_then_from_names_then_from_lengths(
    bring: Bring, version: ModelVersion, content: str, name: str, columns: dict[str, str]
) -> None:
    if name == "a.tsv" and content.startswith("review"):
        version.dataset_version.options = {"columns": {"text": "review", "label": "stars"}}
        version.dataset_version.save()
    assert bring(content, name).reading["columns"] == columns


def test_questions_without_their_columns_are_refused_and_nothing_stays(
    publish: Publish, viewer: User, own_files: Any
) -> None:
    version = publish("qa")
    with pytest.raises(batches.UnusableFile) as refused:
        file = SimpleUploadedFile("a.tsv", b"one\ntwo\n")
        batches.upload(version=version, file=file, by=viewer, reading=Reading())
    assert refused.value.code == "columns.missing" and "context" in refused.value.message
    assert not Batch.objects.exists() and not list((own_files / "batches").iterdir())


def test_the_pages_lead_from_the_upload_to_the_queue(client: Client, viewer: User, version: ModelVersion) -> None:
    client.force_login(viewer)
    url = reverse("demos:predict_file", args=[version.pk])
    empty = client.get(url).content.decode()
    assert "has not predicted a file yet" in empty and "No worker for files is running" in empty
    answer = client.post(url, {"file": SimpleUploadedFile("rows.tsv", ROWS.encode())})
    batch = Batch.objects.get()
    configure = reverse("demos:configure", args=[batch.pk])
    assert answer["Location"] == configure
    page = client.get(configure)
    assert "good film" in page.content.decode() and page.context["form"]["role_text"].initial == "comment"
    other = client.post(configure, {"role_text": "id"}, HTTP_HX_REQUEST="true")
    assert "<html" not in other.content.decode() and other.context["sniffed"].preview[0]["values"] == ["1"]
    assert client.get(configure).context["form"]["role_text"].initial == "id"
    started = client.post(configure, {"role_text": "comment", "start": "1"})
    batch.refresh_from_db()
    assert started["Location"] == reverse("demos:batch", args=[batch.pk]) and batch.state == "queued"
    assert batch.reading["columns"] == {"text": "comment"}
    page_of_batch = client.get(reverse("demos:batch", args=[batch.pk])).content.decode()
    assert "Waiting for its turn" in page_of_batch and 'hx-trigger="every 1s"' in page_of_batch
    assert "rows.tsv" in client.get(url).content.decode()
    assert AuditEntry.objects.filter(action="batch.started", object_id=str(batch.pk)).exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n" + b"\x00" * 99, b"\x80\x04\x95\x10\x00\x00", b"%PDF-1.7"]
)
def test_a_hostile_upload_is_told_on_the_page(
    client: Client, viewer: User, version: ModelVersion, content: bytes
) -> None:
    client.force_login(viewer)
    url = reverse("demos:predict_file", args=[version.pk])
    answer = client.post(url, {"file": SimpleUploadedFile("a.tsv", content)}, follow=True)
    text = answer.content.decode()
    assert "The file is empty" in text or ("is a" in text and "disabled" in text)


def test_strangers_know_nothing_and_viewers_end_only_their_own(
    client: Client, bring: Bring, stranger: User, editor: User, version: ModelVersion
) -> None:
    batch = bring()
    Batch.objects.filter(pk=batch.pk).update(created_by=editor)
    client.force_login(stranger)
    for name in ("batch", "configure", "download"):
        assert client.get(reverse(f"demos:{name}", args=[batch.pk])).status_code == 404
    for name in ("cancel", "resume", "delete"):
        assert client.post(reverse(f"demos:{name}", args=[batch.pk])).status_code == 404
    assert client.get(reverse("demos:predict_file", args=[version.pk])).status_code == 404
    client.force_login(User.objects.get(email="vera@example.org"))
    assert client.get(reverse("demos:batch", args=[batch.pk])).status_code == 200
    assert client.post(reverse("demos:cancel", args=[batch.pk])).status_code == 403
    client.force_login(editor)
    assert client.post(reverse("demos:cancel", args=[batch.pk])).status_code == 302
    assert client.post(reverse("demos:delete", args=[batch.pk])).status_code == 302
    assert not Batch.objects.exists()


@pytest.mark.slow
def test_the_api_takes_a_file_and_gives_it_back(client: Client, viewer: User, version: ModelVersion) -> None:
    headers = {"HTTP_AUTHORIZATION": f"Bearer {create_token(user=viewer, name='test')[1]}"}
    url = f"/api/v1/model-versions/{version.pk}/batch"
    file = SimpleUploadedFile("rows.csv", b'n,words\n1,"good, film"\n2,bad\n')
    answer = client.post(url, {"file": file, "options": '{"columns": {"text": "words"}}'}, **headers)
    assert answer.status_code == 202 and answer.json()["state"] == "queued"
    address = f"/api/v1/batches/{answer.json()['id']}"
    assert client.get(f"{address}/download", **headers).status_code == 409
    tasks.predict_files()
    told = client.get(address, **headers).json()
    assert (told["state"], told["progress"]["rows"], told["errors"], told["columns"][0]) == (
        "finished",
        2,
        0,
        "prediction",
    )
    response = client.get(f"{address}/download", **headers)
    assert "rows-predicted.csv" in response["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(content_of(response).decode())))
    assert rows[1][:2] == ["1", "good, film"] and len(rows) == 3
    assert client.get(f"/api/v1/model-versions/{version.pk}/batches", **headers).json()["count"] == 1


def test_the_api_names_options_that_make_no_sense(client: Client, viewer: User, version: ModelVersion) -> None:
    headers = {"HTTP_AUTHORIZATION": f"Bearer {create_token(user=viewer, name='test')[1]}"}
    url = f"/api/v1/model-versions/{version.pk}/batch"
    for options in ('{"columns": {"label": "a"}}', '{"colour": 1}', "{", '{"encoding": "klingon"}'):
        file = SimpleUploadedFile("a.tsv", b"good\n")
        assert client.post(url, {"file": file, "options": options}, **headers).status_code == 422, options
    file = SimpleUploadedFile("a.tsv", b"%PDF-1.7")
    refused = client.post(url, {"file": file}, **headers)
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "data.unreadable"
    assert json.loads(refused.content)["error"]["details"]["hint"]


def test_the_history_asks_the_database_a_fixed_number_of_times(
    client: Client, viewer: User, bring: Bring, version: ModelVersion, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        bring()
    client.force_login(viewer)
    with django_assert_max_num_queries(14):
        assert client.get(reverse("demos:predict_file", args=[version.pk])).status_code == 200
    with django_assert_max_num_queries(12):
        assert client.get(reverse("demos:batch", args=[Batch.objects.first().pk])).status_code == 200  # type: ignore[union-attr]  # there are six


def test_a_file_is_answered_by_the_engine_that_answers_the_demo(
    bring: Bring, version: ModelVersion, owner: User
) -> None:
    assert bring().order().engine == "torch"
    EngineExport.objects.update_or_create(
        version=version, defaults={"state": JobState.FINISHED, "report": {"chosen": "int8"}}
    )
    version = ModelVersion.objects.get(pk=version.pk)
    assert version.answering_engine == "int8"
    batch = batches.upload(
        version=version, file=SimpleUploadedFile("rows.tsv", ROWS.encode()), by=owner, reading=Reading()
    )
    assert batch.order().engine == Batch.objects.get(pk=batch.pk).order().engine == "int8"


def test_a_model_that_answers_no_files_has_no_door_for_them(client: Client, viewer: User, publish: Publish) -> None:
    version = publish("pretraining")
    client.force_login(viewer)
    url, file = reverse("demos:predict_file", args=[version.pk]), SimpleUploadedFile("a.txt", b"good\n")
    assert client.get(url).status_code == client.post(url, {"file": file}).status_code == 404
    header = {"HTTP_AUTHORIZATION": f"Bearer {create_token(user=viewer, name='test')[1]}"}
    file = SimpleUploadedFile("a.txt", b"good\n")
    refused = client.post(f"/api/v1/model-versions/{version.pk}/batch", {"file": file}, **header)
    assert refused.status_code == 400 and refused.json()["error"]["code"] == "batch.no_files"
    assert not Batch.objects.exists()


@pytest.mark.parametrize(
    ("name", "line", "cells"),
    [
        ("a.tsv", "\x01good\t=1+1", ["\x01good", "'=1+1"]),
        ("a.tsv", '"=1+1"\tgood', ['\'"=1+1"', "good"]),
        ("a.tsv", "\x01=1+1\tgood", ["'\x01=1+1", "good"]),
        ("a.csv", "\x01good,=1+1", ["\x01good", "'=1+1"]),
        ("a.csv", '"a ""b""",\x01@x', ['a "b"', "'\x01@x"]),
    ],
)
def test_no_cell_for_spreadsheets_is_run_as_a_formula(bring: Bring, name: str, line: str, cells: list[str]) -> None:
    delimiter = "\t" if name == "a.tsv" else ","
    batch = bring(f"text{delimiter}note\ngood{delimiter}film\n{line}\n", name)
    path = batch.folder / "result" / name
    path.parent.mkdir()
    path.write_text(f"text{delimiter}note\n{line}\n", encoding="utf-8")
    outcome = Result(
        file=name, name=name, format=name[2:], encoding="utf-8", delimiter=delimiter, quoting=name == "a.csv",
        rows=1, errors=0, columns=[],
    )  # fmt: skip
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.FINISHED, result=outcome.to_json())
    batch.refresh_from_db()
    safe = content_of(downloads.result(batch, safe=True)).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(safe), delimiter=delimiter))[1] == cells
