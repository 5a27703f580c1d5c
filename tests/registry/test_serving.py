"""Engines of a published version: made by a real process of the engine, compared, chosen, counted, taken elsewhere."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.demos import batches, execution
from nlpstudio.demos import services as demos
from nlpstudio.engine import manifest
from nlpstudio.engine.batch.order import Reading
from nlpstudio.engine.inference import engines as files
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.registry import archive, engines, exporting, usage
from nlpstudio.registry.models import EngineChoice, EngineExport, JobState, ModelVersion, Usage
from tests.published import Publish, serve_worker

__all__ = ["serve_worker"]


def page_of(client: Client, version: ModelVersion) -> str:
    return client.get(reverse("registry:serving", args=[version.pk])).content.decode()


def fresh(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_related("export", "model__project").get(pk=version.pk)


def compared(version: ModelVersion, *, chosen: str = "int8") -> None:
    """An export that is there, as the engine's process leaves it: small files will do for what only reads sizes."""
    report = {
        "rows": 500,
        "split": "validation",
        "metric": "macro_f1",
        "chosen": chosen,
        "plain": {"rows": 4, "largest_difference": 1e-6},
        "engines": {
            name: {
                "size_bytes": 4_000_000 // (4 if name == "int8" else 1),
                "request_ms": 9 - 3 * place,
                "rows": 500,
                "metric": 0.9 - place / 1000,
                "changed": 4 * place,
                "changed_share": 4 * place / 500,
                "against": "",
            }
            for place, name in enumerate(files.ENGINES)
        },
    }
    EngineExport.objects.update_or_create(version=version, defaults={"state": JobState.FINISHED, "report": report})
    folder = version.artifact / files.FOLDER
    folder.mkdir()
    for name in (files.FP32, files.INT8):
        (version.artifact / files.WEIGHTS[name]).write_bytes(b"graph")
    (folder / files.REPORT).write_text(json.dumps(report))
    manifest.write(folder, {})


@pytest.mark.slow
def test_a_published_version_gets_its_engines_and_is_answered_by_the_chosen_one(
    client: Client, viewer: User, owner: User, version: ModelVersion, serve_worker: Pool
) -> None:
    before = demos.predict(version, "the film was good").prediction
    client.force_login(viewer)
    assert EngineExport.objects.get().state == JobState.QUEUED and 'hx-trigger="every 2s"' in page_of(client, version)
    assert exporting.execute()
    export = EngineExport.objects.get()
    assert export.state == JobState.FINISHED, export.error_message
    assert export.report == files.report_of(version.artifact) and export.report["split"] == "validation"
    manifest.verify(version.artifact)
    manifest.verify(version.artifact / "onnx")
    assert not exporting.execute(), "once is enough"
    text = page_of(client, version)
    assert "ONNX, 8 bits" in text and "too few rows to judge by" in text and "every 2s" not in text
    engines.choose(version=fresh(version), engine="onnx", by=owner)
    after = demos.predict(fresh(version), "the film was good").prediction
    assert [each["label"] for each in after[0]] == [each["label"] for each in before[0]]
    assert [each["score"] for each in after[0]] == pytest.approx([each["score"] for each in before[0]], abs=1e-5)
    assert {each["engine"] for each in serve_worker.describe()} == {"torch", "onnx"}
    file = SimpleUploadedFile("a.tsv", b"text\nthe film was good\n")
    batch = batches.upload(version=fresh(version), file=file, by=owner, reading=Reading())
    assert batch.engine == "onnx" and execution.execute()
    batch.refresh_from_db()
    (_head, row) = (batch.folder / "result" / batch.result["file"]).read_text().splitlines()
    said, sure = row.split("\t")[1:3]
    assert said == after[0][0]["label"] and float(sure) == pytest.approx(after[0][0]["score"], abs=1e-5)
    assert client.get(reverse("registry:download_onnx", args=[version.pk])).status_code == 200
    taken = b"".join(archive.zipped(version.artifact, "model", archive.without_weights))
    names = zipfile.ZipFile(io.BytesIO(taken)).namelist()
    inside = {name.partition("/")[2] for name in names}
    assert {"onnx/model.onnx", "onnx/model_int8.onnx", "onnx/manifest.json", "tokenizer.json", "config.json"} <= inside
    assert "model.safetensors" not in inside


def test_an_export_that_cannot_work_ends_in_words_and_torch_answers(
    client: Client, editor: User, version: ModelVersion
) -> None:
    (version.artifact / "config.json").write_text("{}")
    assert exporting.execute()
    export = EngineExport.objects.get()
    assert export.state == JobState.FAILED and export.error_message
    assert fresh(version).answering_engine == "torch"
    client.force_login(editor)
    assert "could not be made" in page_of(client, version)
    client.post(reverse("registry:prepare_engines", args=[version.pk]))
    assert EngineExport.objects.get().state == JobState.QUEUED


def test_a_worker_that_fell_silent_loses_it_to_another_until_it_is_enough(version: ModelVersion, settings: Any) -> None:
    first = exporting._claim()
    assert first is not None and exporting._claim() is None
    long_ago = timezone.now() - timedelta(seconds=settings.LEASE_SECONDS + 1)
    EngineExport.objects.update(heartbeat_at=long_ago)
    second = exporting._claim()
    assert second is not None and second.fence == first.fence + 1
    with pytest.raises(exporting.Superseded):
        exporting._write(first, state=JobState.FINISHED)
    EngineExport.objects.update(heartbeat_at=long_ago, attempt=exporting.MAX_ATTEMPTS)
    assert exporting.execute()
    assert EngineExport.objects.get().error_code == exporting.LOST


def test_automatic_is_what_the_comparison_chose_and_an_owner_may_differ(
    client: Client, owner: User, version: ModelVersion
) -> None:
    assert version.answering_engine == "torch"
    compared(version)
    assert fresh(version).answering_engine == "int8"
    client.force_login(owner)
    assert "8 (1.6%)" in page_of(client, version).replace('<span class="muted">', "").replace("</span>", "")
    url = reverse("registry:choose_engine", args=[version.pk])
    client.post(url, {"engine": "torch"})
    assert fresh(version).answering_engine == "torch"
    client.post(url, {"engine": "nonsense"})
    assert fresh(version).engine == EngineChoice.TORCH
    assert AuditEntry.objects.filter(action="engine.chosen").count() == 1


def test_an_engine_that_was_not_made_cannot_be_chosen(owner: User, version: ModelVersion) -> None:
    with pytest.raises(engines.NotThere):
        engines.choose(version=version, engine="int8", by=owner)


def test_nothing_is_made_where_the_installation_does_not_want_it(publish: Publish, settings: Any) -> None:
    settings.EXPORT_ENGINES = False
    publish()
    assert not EngineExport.objects.exists()


def test_requests_are_summed_by_day_and_source(client: Client, viewer: User, version: ModelVersion) -> None:
    counter = usage.Counter()
    for failed in (False, True, False):
        counter.add(version.pk, "api", seconds=0.5, failed=failed)
    counter.add(version.pk, "batch", seconds=3, requests=1000)
    assert Usage.objects.get().requests == 1, "the first is written at once, the next ones together"
    counter.write()
    assert [(each.source, each.requests, each.failed, each.milliseconds) for each in usage.of(version)] == [
        ("batch", 1000, 0, 3.0),
        ("api", 3, 1, 500.0),
    ]
    client.force_login(viewer)
    assert "1k" in page_of(client, version)
    counter.add(version.pk, "api", seconds=0.1)
    version.delete()
    counter.write()
    assert not Usage.objects.exists()
