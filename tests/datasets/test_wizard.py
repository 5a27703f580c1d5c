"""The import wizard in a browser's requests: file, preview, import, check."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from nlpstudio.accounts.models import User
from nlpstudio.datasets import services, tasks
from nlpstudio.datasets.models import DatasetVersion, VersionState
from nlpstudio.engine.data.sniffing import sniff
from nlpstudio.engine.samples import SAMPLES
from nlpstudio.projects.models import Project
from nlpstudio.quotas import services as quotas
from nlpstudio.quotas.groups import group_of
from tests.datasets.conftest import FILES, REVIEWS, Import, upload_of

SPLIT = {"preset": "80/10/10", "seed": "42", "stratify": "on", "keep_good_rows": "on"}
MAPPED = {"role_text": "text", "role_label": "label", **SPLIT}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def as_editor(client: Client, editor: User) -> Client:
    client.force_login(editor)
    return client


@pytest.fixture
def draft(project: Project, editor: User) -> DatasetVersion:
    file = upload_of(REVIEWS)
    return services.upload(project=project, name="Reviews", task="classification", file=file, by=editor)


def _configure(version: DatasetVersion) -> str:
    return reverse("datasets:configure", args=[version.pk])


@pytest.mark.parametrize("task", list(FILES))
def test_from_the_file_to_the_rows(as_editor: Client, project: Project, task: str) -> None:
    posted = {"task": task, "name": "", "file": upload_of(FILES[task], "mine.tsv")}
    response = as_editor.post(reverse("datasets:create", args=[project.pk]), posted)
    version = DatasetVersion.objects.get()
    assert response.url == _configure(version)  # type: ignore[attr-defined]  # of a redirect
    page = as_editor.get(_configure(version))
    form = page.context["form"]
    chosen = {name: form[name].value() for name in form.fields}
    started = as_editor.post(_configure(version), {**{k: v for k, v in chosen.items() if v}, "start": "1"})
    assert started.url == reverse("datasets:importing", args=[version.pk])  # type: ignore[attr-defined]  # as above
    assert 'hx-trigger="every 1s"' in as_editor.get(started.url).content.decode()  # type: ignore[attr-defined]  # as above
    tasks.import_version(str(version.pk))
    checked = as_editor.get(started.url)  # type: ignore[attr-defined]  # as above
    assert "every 1s" not in checked.content.decode()
    assert "Every row of the file was read." in checked.content.decode()
    rows = as_editor.get(reverse("datasets:version", args=[version.pk]))
    assert len(rows.context["rows"]) == 25


def test_the_preview_shows_labels_tags_and_answers(as_editor: Client, project: Project, editor: User) -> None:
    found = {"classification": '<span class="tag', "ner": "span-type", "qa": "<mark"}
    for task, mark in found.items():
        file = upload_of(FILES[task])
        version = services.upload(project=project, name="", task=task, file=file, by=editor)
        assert mark in as_editor.get(_configure(version)).content.decode()


def test_a_change_is_remembered_and_previewed(as_editor: Client, draft: DatasetVersion) -> None:
    swapped = {**MAPPED, "role_text": "label", "role_label": "text", "preset": "90/10/0"}
    response = as_editor.post(_configure(draft), swapped, headers=HTMX)
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    draft.refresh_from_db()
    assert draft.state == VersionState.DRAFT
    assert draft.import_options.columns == {"text": "label", "label": "text"}
    assert draft.import_options.split.train == 0.9
    again = as_editor.get(_configure(draft)).context["form"]
    assert (again["role_text"].value(), again["preset"].value()) == ("label", "90/10/0")


def test_reading_in_another_way_guesses_the_columns_anew(as_editor: Client, draft: DatasetVersion) -> None:
    as_editor.post(_configure(draft), {**MAPPED, "header": "no"}, headers=HTMX)
    draft.refresh_from_db()
    assert (draft.import_options.header, draft.import_options.columns) == (False, None)
    form = as_editor.get(_configure(draft)).context["form"]
    assert form["role_text"].value() == "0"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"preset": "custom", "train": "50", "validation": "10", "test": "10"}, "sum to 100"),
        ({"role_label": "text"}, "column of its own"),
        ({"role_label": "nothing"}, "nothing"),
        ({"role_text": ""}, "required"),
        ({"seed": "-1"}, "greater than or equal to 0"),
        ({"encoding": "utf-7"}, "utf-7"),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_field(
    as_editor: Client, draft: DatasetVersion, change: dict[str, str], words: str
) -> None:
    response = as_editor.post(_configure(draft), {**MAPPED, **change, "start": "1"})
    assert response.status_code == 422
    assert words in response.content.decode()
    draft.refresh_from_db()
    assert draft.state == VersionState.DRAFT


def test_shares_that_do_not_sum_up_yet_are_kept_while_typing(as_editor: Client, draft: DatasetVersion) -> None:
    typing = {**MAPPED, "preset": "custom", "train": "70", "validation": "10", "test": "10"}
    response = as_editor.post(_configure(draft), typing, headers=HTMX)
    assert response.status_code == 200
    assert 'value="70"' in response.content.decode()
    assert "must sum to 100" in response.content.decode()
    draft.refresh_from_db()
    assert draft.import_options.split.train == 0.8


def test_an_imported_version_cannot_be_configured_again(as_editor: Client, version: DatasetVersion) -> None:
    response = as_editor.post(_configure(version), {**MAPPED, "start": "1"})
    assert response.status_code == 302
    version.refresh_from_db()
    assert version.state == VersionState.READY


def test_without_a_worker_it_is_said_before_and_during(as_editor: Client, draft: DatasetVersion) -> None:
    words = "No import worker is running"
    create = reverse("datasets:create", args=[draft.dataset.project_id])
    assert words in as_editor.get(create).content.decode()
    assert words in as_editor.get(_configure(draft)).content.decode()
    as_editor.post(_configure(draft), {**MAPPED, "start": "1"})
    assert words in as_editor.get(reverse("datasets:importing", args=[draft.pk])).content.decode()


def test_an_empty_file_is_refused_on_the_page(as_editor: Client, project: Project) -> None:
    posted = {"task": "qa", "name": "", "file": upload_of(b"")}
    response = as_editor.post(reverse("datasets:create", args=[project.pk]), posted)
    assert response.status_code == 422
    assert "The file is empty." in response.content.decode()


def test_a_failed_import_says_why_and_offers_a_way_on(as_editor: Client, bring: Import) -> None:
    version = bring("fine\tgood\n" * 30)
    page = as_editor.get(reverse("datasets:importing", args=[version.pk])).content.decode()
    assert version.error_message[:20] in page
    assert _configure(version) in page


def test_problems_are_shown_with_line_and_remedy_and_the_lines_can_be_taken_away(
    as_editor: Client, bring: Import
) -> None:
    version = bring(REVIEWS + "no label <b>here</b>\n")
    page = as_editor.get(reverse("datasets:importing", args=[version.pk])).content.decode()
    assert "<b>here</b>" not in page
    assert ">62<" in page
    response = as_editor.get(reverse("datasets:rejected", args=[version.pk]))
    assert response["Content-Disposition"].startswith("attachment")
    assert b"no label <b>here</b>" in b"".join(response)  # type: ignore[arg-type]  # of a stream


def test_a_viewer_reads_that_a_draft_waits_and_gets_the_version_before_it(
    client: Client, viewer: User, editor: User, version: DatasetVersion
) -> None:
    dataset = version.dataset
    newer = services.new_version(dataset=dataset, file=upload_of(REVIEWS), by=editor)
    client.force_login(viewer)
    assert client.get(reverse("datasets:detail", args=[dataset.pk]))["Location"] == _page("version", version)
    page = client.get(_page("version", newer), follow=True)
    assert page.status_code == 200 and "not settled yet" in page.content.decode()
    assert "Every row" not in page.content.decode()


def test_what_a_draft_does_not_have_is_not_found(as_editor: Client, draft: DatasetVersion) -> None:
    assert as_editor.get(_page("download", draft)).status_code == 404
    assert as_editor.get(reverse("datasets:row", args=[draft.pk, 0])).status_code == 404


def test_a_sample_for_which_there_is_no_room_says_so(as_editor: Client, project: Project, admin: User) -> None:
    limits = {"running_at_once": None, "hours_a_month": None, "storage_gb": 0}
    quotas.change(group=group_of(project), by=admin, **limits)
    answer = as_editor.post(reverse("datasets:add_sample", args=[project.pk, next(iter(SAMPLES))]), follow=True)
    assert answer.status_code == 200 and "no room for this file" in answer.content.decode()


def test_an_import_that_was_started_twice_is_shown(
    as_editor: Client, draft: DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both saw the draft; the other was faster."""
    monkeypatch.setattr(DatasetVersion, "is_configurable", True)
    DatasetVersion.objects.filter(pk=draft.pk).update(state=VersionState.IMPORTING)
    answer = as_editor.post(_configure(draft), {**MAPPED, "start": "1"})
    assert answer["Location"] == _page("importing", draft)


def _page(view: str, version: DatasetVersion) -> str:
    return reverse(f"datasets:{view}", args=[version.pk])


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_a_new_file_is_looked_at(
    version: DatasetVersion, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In SQLite a transaction keeps all other writers out."""
    held: list[bool] = []

    def looking(*args: Any, **options: Any) -> Any:
        held.append(connection.in_atomic_block)
        return sniff(*args, **options)

    monkeypatch.setattr(services, "sniff", looking)
    newer = services.new_version(dataset=version.dataset, file=upload_of(REVIEWS), by=editor)
    assert held == [False]
    assert newer.import_options.columns == version.import_options.columns
