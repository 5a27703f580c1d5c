"""How sure a classifier must be to decide: shown from stored predictions, saved by an editor, kept in the record."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.inference.predictor import Predictor
from nlpstudio.registry import confidence, reports
from nlpstudio.registry.models import ModelVersion
from tests.published import Publish


def test_the_report_has_the_calibration_of_each_split_with_one_temperature(version: ModelVersion) -> None:
    splits = reports.read(version.artifact)["splits"]
    found = {name: split["calibration"] for name, split in splits.items()}
    assert set(found) == {"validation", "test"}
    assert found["validation"]["temperature"] == found["test"]["temperature"] == confidence.temperature_of(version)
    config = json.loads((version.artifact / "config.json").read_text(encoding="utf-8"))
    assert config["decision"] == {"temperature": confidence.temperature_of(version)}


def test_the_stored_confidence_is_what_the_engine_abstains_by(version: ModelVersion) -> None:
    judged = confidence.judged(version, "test")
    assert judged is not None
    rows = list(DatasetFolder.open(version.dataset_version.folder).rows("test"))
    threshold = float(sorted(judged.confidence)[len(rows) // 2])
    answers = Predictor.load(version.artifact).predict([row.text for row in rows], {"abstain_below": threshold})  # type: ignore[attr-defined]  # rows of texts
    best = [answer[0]["score"] for answer in answers]  # type: ignore[index,typeddict-item]
    assert best == pytest.approx(judged.confidence.tolist(), abs=1e-5)
    assert [answer[0]["abstained"] for answer in answers] == [score < threshold for score in best]  # type: ignore[index,typeddict-item]


def test_the_page_says_what_a_precision_costs_and_works_as_a_plain_form(
    client: Client, viewer: User, version: ModelVersion
) -> None:
    client.force_login(viewer)
    url = reverse("registry:confidence", args=[version.pk])
    page = client.get(url, {"precision": "50"})
    judged = confidence.judged(version, "validation")
    assert judged is not None
    assert page.context["chosen"] == judged.choose(0.5)
    assert "50.0%" in page.content.decode() and "decided automatically" in page.content.decode()
    assert "Save for this version" not in page.content.decode()
    part = client.get(url, {"precision": "50"}, HTTP_HX_REQUEST="true").content.decode()
    assert "<html" not in part and 'id="choice"' in part
    assert client.get(url, {"precision": "many"}).status_code == 422
    card = client.get(reverse("registry:version", args=[version.pk])).content.decode()
    assert "Expected calibration error" in card and "<svg" in card


def test_an_editor_saves_it_and_the_record_has_it(client: Client, editor: User, version: ModelVersion) -> None:
    client.force_login(editor)
    client.post(reverse("registry:save_confidence", args=[version.pk]), {"precision": "50"})
    version.refresh_from_db()
    judged = confidence.judged(version, "validation")
    chosen = judged.choose(0.5) if judged else None
    assert chosen is not None
    assert (version.wanted_precision, version.abstain_below) == (0.5, pytest.approx(chosen.threshold))
    entry = AuditEntry.objects.get(action="model.threshold_set")
    assert (entry.user, entry.details["precision"]) == (editor, 0.5)
    assert "Saved: the model decides" in client.get(reverse("registry:confidence", args=[version.pk])).content.decode()
    client.post(reverse("registry:clear_confidence", args=[version.pk]))
    version.refresh_from_db()
    assert version.abstain_below is None
    assert AuditEntry.objects.filter(action="model.threshold_removed").count() == 1


def test_what_no_threshold_reaches_is_not_saved(client: Client, editor: User, version: ModelVersion) -> None:
    client.force_login(editor)
    client.post(reverse("registry:save_confidence", args=[version.pk]), {"precision": "nonsense"})
    version.refresh_from_db()
    assert version.abstain_below is None


def test_only_classifiers_have_the_page(client: Client, editor: User, publish: Publish) -> None:
    client.force_login(editor)
    tagger = publish("ner")
    assert client.get(reverse("registry:confidence", args=[tagger.pk])).status_code == 404
    client.post(reverse("registry:save_confidence", args=[tagger.pk]), {"precision": "90"})
    tagger.refresh_from_db()
    assert tagger.abstain_below is None
