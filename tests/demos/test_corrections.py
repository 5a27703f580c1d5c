"""“This is wrong”: from the demo page into the inbox, from there by an editor's word into the data set's next version."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core.errors import StudioError
from nlpstudio.datasets import execution
from nlpstudio.datasets.models import Dataset, DatasetVersion, VersionState
from nlpstudio.demos import correcting, inbox
from nlpstudio.demos.models import Correction, CorrectionState
from nlpstudio.engine.data.rows import ClassificationRow, QARow, Span
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.registry.models import ModelVersion
from tests.demos.test_demo import ASKED
from tests.published import Publish

TEXT = "🙂 anna lake lives in 北京"
RIGHT: dict[str, dict[str, Any]] = {
    "ner": {"passage": ["anna lake", "北京", ""], "label": ["PER", "LOC", "PER"], "start": ["2", "", ""]},
    "qa": {"answer": "anna 7", "start": "99"},
}
STORED: dict[str, dict[str, Any]] = {
    "ner": {"tags": ["O", "B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC"], "starts": [0, 2, 7, 12, 18, 21, 22]},
    "qa": {"answer_texts": ["anna 7"], "answer_starts": [2]},
}


def send(client: Client, version: ModelVersion, fields: dict[str, Any], **extra: Any) -> Any:
    return client.post(reverse("demos:correct", args=[version.pk]), fields, **extra)


@pytest.mark.parametrize("task", list(RIGHT))
def test_a_viewer_says_what_is_right(
    client: Client, viewer: User, serve_worker: Pool, publish: Publish, task: str
) -> None:
    version = publish(task)
    client.force_login(viewer)
    answer = client.post(reverse("demos:predict", args=[version.pk]), ASKED[task])
    assert "This is wrong" in answer.content.decode()
    asked = {**ASKED[task], "text": TEXT} if task == "ner" else ASKED[task]
    part = send(client, version, {**asked, **RIGHT[task], "note": "see"}, HTTP_HX_REQUEST="true")
    assert "Thank you" in part.content.decode()
    found = Correction.objects.get()
    assert found.record | STORED[task] == found.record
    assert (found.sent_by, found.note, found.state) == (viewer, "see", "waiting")
    assert found.said is not None and found.dataset == version.dataset_version.dataset
    client.force_login(viewer)
    page = client.get(reverse("demos:corrections", args=[found.dataset_id])).content.decode()
    assert "Sentiment v1" in page and "Accept the chosen" not in page


def test_the_label_form_offers_what_the_model_did_not_say(
    client: Client, viewer: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(viewer)
    answer = client.post(reverse("demos:predict", args=[version.pk]), {"text": "good film"})
    said = answer.context["result"].best.label
    other = next(label for label in version.labels if label != said)
    assert [value for value, _ in answer.context["correction"].fields["label"].choices] == [other]
    assert send(client, version, {"text": "good film", "label": said}).status_code == 422
    assert send(client, version, {"text": "good film", "label": other}).status_code == 302
    assert Correction.objects.get().record["labels"] == [other]
    assert Correction.objects.get().said["labels"] == [said]


@pytest.mark.parametrize(
    ("task", "fields", "words"),
    [
        ("ner", {"passage": ["nobody"], "label": ["PER"], "start": [""]}, "does not stand in the text"),
        ("ner", {"passage": ["anna", "anna"], "label": ["PER", "PER"], "start": ["", ""]}, "once more"),
        ("ner", {"passage": ["anna"], "label": ["nonsense"], "start": [""]}, "Choose a type"),
        ("qa", {"answer": "rome"}, "does not stand in the text word for word"),
    ],
)
def test_what_does_not_fit_the_text_is_refused_in_words(
    client: Client, viewer: User, serve_worker: Pool, publish: Publish, task: str, fields: dict[str, Any], words: str
) -> None:
    version = publish(task)
    client.force_login(viewer)
    part = send(client, version, {**ASKED[task], **fields}, HTTP_HX_REQUEST="true")
    assert part.status_code == 422 and words in part.content.decode() and 'id="wrong"' in part.content.decode()
    assert not Correction.objects.exists()


def test_spans_become_tags_and_spans_again() -> None:
    spans = [Span(start=2, end=11, label="PER"), Span(start=21, end=23, label="LOC"), Span(start=0, end=1, label="LOC")]
    row = correcting.tagged(TEXT, spans)
    assert correcting.spans_of(row) == sorted(spans, key=lambda each: each.start)


@pytest.fixture
def sent(version: ModelVersion, viewer: User) -> list[Correction]:
    """Two corrections: of a row that the data has, and of a new one."""
    old = next(iter(DatasetFolder.open(version.dataset_version.folder).rows("test")))
    assert isinstance(old, ClassificationRow)
    turned = {"positive": "negative", "negative": "positive"}[old.labels[0]]
    rows = [
        ClassificationRow(text=old.text, labels=(turned,)),
        ClassificationRow(text="quite new", labels=("negative",)),
    ]
    return [inbox.send(version=version, right=row, said=None, note="", by=viewer) for row in rows]


def test_accepted_corrections_become_rows_of_the_next_version(
    client: Client, editor: User, version: ModelVersion, sent: list[Correction]
) -> None:
    dataset = version.dataset_version.dataset
    client.force_login(editor)
    page, decide = reverse("demos:corrections", args=[dataset.pk]), reverse("demos:decide", args=[dataset.pk])
    assert client.get(page).content.decode().count('name="chosen"') == 2
    client.post(decide, {"chosen": [each.pk for each in sent], "state": "accepted"})
    assert "New version with 2 corrections" in client.get(page).content.decode()
    answer = client.post(reverse("demos:make_version", args=[dataset.pk]))
    made = DatasetVersion.objects.get(number=2)
    assert answer["Location"] == reverse("datasets:importing", args=[made.pk])
    execution.execute(made.pk)
    made.refresh_from_db()
    assert (made.state, made.source_name, made.amends) == ("ready", "2 corrections", version.dataset_version)
    assert made.rows == version.dataset_version.rows + 1
    folder = DatasetFolder.open(made.folder)
    labels = {row.text: row.labels for row in folder.rows()}  # type: ignore[attr-defined]
    for each in sent:
        assert list(labels[each.record["text"]]) == each.record["labels"]
    assert client.get(reverse("datasets:version", args=[made.pk])).status_code == 200
    accepted = client.get(page, {"state": "accepted"}).content.decode()
    assert "in version 2" in accepted and 'name="chosen"' not in accepted
    with pytest.raises(StudioError, match="No accepted correction"):
        inbox.make_version(dataset=dataset, by=editor)
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"correction.sent", "correction.accepted", "dataset.version_added"} <= actions


def test_corrections_of_an_import_that_failed_can_be_used_again(
    editor: User, version: ModelVersion, sent: list[Correction]
) -> None:
    dataset = version.dataset_version.dataset
    inbox.decide(dataset=dataset, chosen=[str(sent[0].pk)], state=CorrectionState.ACCEPTED, by=editor)
    made = inbox.make_version(dataset=dataset, by=editor)
    made.source.unlink()
    execution.execute(made.pk)
    made.refresh_from_db()
    assert made.state == VersionState.FAILED
    assert list(dataset.corrections.ready_to_use()) == [sent[0]]
    assert inbox.make_version(dataset=dataset, by=editor).number == 3


def test_dismissed_ones_stay_to_be_put_back_and_others_data_is_untouched(
    client: Client, editor: User, stranger: User, version: ModelVersion, sent: list[Correction]
) -> None:
    dataset = version.dataset_version.dataset
    other = Dataset.objects.create(project=dataset.project, name="Other", task="classification")
    client.force_login(editor)
    client.post(reverse("demos:decide", args=[other.pk]), {"chosen": [sent[0].pk, "x"], "state": "dismissed"})
    sent[0].refresh_from_db()
    assert sent[0].state == "waiting"
    decide = reverse("demos:decide", args=[dataset.pk])
    client.post(decide, {"chosen": [sent[0].pk], "state": "dismissed"})
    client.post(decide, {"chosen": [sent[0].pk], "state": "nonsense"})
    sent[0].refresh_from_db()
    assert (sent[0].state, sent[0].decided_by) == ("dismissed", editor)
    client.post(decide, {"chosen": [sent[0].pk], "state": "waiting"})
    assert dataset.corrections.filter(state="waiting").count() == 2
    client.force_login(stranger)
    assert client.get(reverse("demos:corrections", args=[dataset.pk])).status_code == 404


def test_the_inbox_asks_the_database_no_more_for_more_corrections(
    client: Client, viewer: User, version: ModelVersion, sent: list[Correction]
) -> None:
    client.force_login(viewer)
    url = reverse("demos:corrections", args=[version.dataset_version.dataset_id])
    client.get(url)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get(url)
    row = QARow(context="a", question="b", answers=())
    for number in range(10):
        fresh = ClassificationRow(text=f"{row.context} {number}", labels=("negative",))
        inbox.send(version=version, right=fresh, said=None, note="", by=viewer)
    with CaptureQueriesContext(connection) as many:
        client.get(url)
    assert len(many) == len(few)
