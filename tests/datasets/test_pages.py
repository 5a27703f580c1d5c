"""Who may see and do what, what the pages show, and what they cost."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from nlpstudio.accounts.models import User
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.datasets.showing import shown
from nlpstudio.projects.models import Project
from tests.datasets.conftest import FILES, REVIEWS, Import

LOOK = ("version", "importing", "statistics", "problems", "versions", "used_by", "download")
CAST = ("owner", "editor", "viewer", "stranger", "admin", None)


@pytest.fixture
def people(
    request: pytest.FixtureRequest, owner: User, editor: User, viewer: User, stranger: User, admin: User
) -> dict[str | None, User | None]:
    return {"owner": owner, "editor": editor, "viewer": viewer, "stranger": stranger, "admin": admin, None: None}


def _as(client: Client, user: User | None) -> Client:
    client.logout()
    if user is not None:
        client.force_login(user)
    return client


@pytest.mark.parametrize("view", LOOK)
def test_members_may_look_and_others_know_nothing(
    client: Client, people: dict[str | None, User | None], version: DatasetVersion, view: str
) -> None:
    url = reverse(f"datasets:{view}", args=[version.pk])
    statuses = {who: _as(client, user).get(url).status_code for who, user in people.items()}
    assert statuses == {"owner": 200, "editor": 200, "viewer": 200, "stranger": 404, "admin": 404, None: 302}


EDIT = [
    ("create", "project", "GET", 200),
    ("create", "project", "POST", 422),
    ("new_version", "dataset", "GET", 200),
    ("new_version", "dataset", "POST", 422),
    ("rename", "dataset", "GET", 200),
    ("rename", "dataset", "POST", 422),
    ("configure", "version", "GET", 302),
    ("configure", "version", "POST", 302),
    ("delete", "dataset", "POST", 302),
]


@pytest.mark.parametrize(("view", "kind", "verb", "status"), EDIT)
def test_editors_may_write_viewers_may_not_and_others_know_nothing(
    client: Client,
    people: dict[str | None, User | None],
    version: DatasetVersion,
    view: str,
    kind: str,
    verb: str,
    status: int,
) -> None:
    ids = {"project": version.dataset.project_id, "dataset": version.dataset_id, "version": version.pk}
    url = reverse(f"datasets:{view}", args=[ids[kind]])
    expected = {None: 302, "stranger": 404, "admin": 404, "viewer": 403, "editor": status}
    found = {who: _as(client, people[who]).generic(verb, url).status_code for who in expected}
    assert found == expected


def test_a_sample_is_added_by_editors_only(
    client: Client, people: dict[str | None, User | None], project: Project
) -> None:
    url = reverse("datasets:add_sample", args=[project.pk, "sms-spam"])
    expected = {None: 302, "stranger": 404, "viewer": 403, "editor": 302}
    assert {who: _as(client, people[who]).post(url).status_code for who in expected} == expected
    assert project.datasets.count() == 1
    missing = reverse("datasets:add_sample", args=[project.pk, "no-such-sample"])
    assert _as(client, people["editor"]).post(missing).status_code == 404


def test_a_foreign_version_and_none_answer_alike(client: Client, stranger: User, version: DatasetVersion) -> None:
    client.force_login(stranger)
    foreign = client.get(reverse("datasets:version", args=[version.pk]))
    missing = client.get(reverse("datasets:version", args=[uuid4()]))
    assert (foreign.status_code, len(foreign.content)) == (missing.status_code, len(missing.content))


def test_a_deleted_data_set_is_gone_everywhere(client: Client, editor: User, version: DatasetVersion) -> None:
    client.force_login(editor)
    client.post(reverse("datasets:delete", args=[version.dataset_id]))
    assert client.get(reverse("datasets:version", args=[version.pk])).status_code == 404
    page = client.get(reverse("datasets:list", args=[version.dataset.project_id]))
    assert page.context["page"].paginator.count == 0


def test_the_list_costs_the_same_for_one_and_for_many(
    client: Client, editor: User, bring: Import, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(editor)
    url = reverse("datasets:list", args=[bring().dataset.project_id])
    counts = []
    for more in (0, 4):
        for _ in range(more):
            bring()
        with django_assert_max_num_queries(16) as asked:
            client.get(url)
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_list_is_searched_filtered_and_sorted(client: Client, editor: User, bring: Import) -> None:
    first, second = bring(), bring(FILES["ner"], "ner")
    first.dataset.name, second.dataset.name = "Alpha", "Beta"
    first.dataset.save()
    second.dataset.save()
    client.force_login(editor)
    url = reverse("datasets:list", args=[first.dataset.project_id])

    def names(**query: str) -> list[str]:
        return [dataset.name for dataset in client.get(url, query).context["page"]]

    assert names() == ["Beta", "Alpha"]
    assert names(sort="name") == ["Alpha", "Beta"]
    assert names(sort="-rows") == ["Alpha", "Beta"]
    assert names(q="alph") == ["Alpha"]
    assert names(task="ner") == ["Beta"]
    assert names(task="nonsense", sort="nonsense") == ["Beta", "Alpha"]


def test_an_empty_list_teaches(client: Client, editor: User, viewer: User, project: Project) -> None:
    url = reverse("datasets:list", args=[project.pk])
    sample = reverse("datasets:add_sample", args=[project.pk, "sms-spam"])
    assert sample in _as(client, editor).get(url).content.decode()
    seen = _as(client, viewer).get(url).content.decode()
    assert sample not in seen
    assert reverse("datasets:template", args=["ner"]) in seen


@pytest.mark.parametrize("task", list(FILES))
def test_the_template_of_each_task_can_be_imported(client: Client, editor: User, bring: Import, task: str) -> None:
    client.force_login(editor)
    content = b"".join(client.get(reverse("datasets:template", args=[task])))  # type: ignore[arg-type]  # of a stream
    version = bring(content, task)
    assert (version.state, version.problem_count) == ("ready", 0)


def test_rows_are_searched_and_filtered_on_the_server(client: Client, editor: User, version: DatasetVersion) -> None:
    client.force_login(editor)
    url = reverse("datasets:version", args=[version.pk])

    def total(**query: str) -> int:
        return int(client.get(url, query).context["page"].paginator.count)

    assert total() == 60
    assert total(q="NUMBER 1") == 11
    assert total(split="test") == 6
    assert total(label="bad") == 30
    assert total(q="nothing like it") == 0
    assert total(page="99999999999999999999", split="no-split") == 60


def test_a_row_has_an_address(client: Client, editor: User, version: DatasetVersion) -> None:
    client.force_login(editor)
    page = client.get(reverse("datasets:row", args=[version.pk, 7]))
    assert "review number 7 was fine" in page.content.decode()
    assert client.get(reverse("datasets:row", args=[version.pk, 60])).status_code == 404


def test_what_people_wrote_is_never_markup(client: Client, editor: User, bring: Import) -> None:
    evil = "<script>alert(1)</script>"
    version = bring(REVIEWS + f"{evil} text\t{evil}\n" * 3)
    client.force_login(editor)
    for view in ("version", "statistics", "importing"):
        assert evil not in client.get(reverse(f"datasets:{view}", args=[version.pk])).content.decode()


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("classification", ["good", "30"]),
        ("ner", ["PER", "LOC", "Rows without an entity"]),
        ("qa", ["Unanswerable", "33"]),
    ],
)
def test_statistics_are_those_of_the_task(
    client: Client, editor: User, bring: Import, task: str, words: list[str]
) -> None:
    version = bring(FILES[task], task)
    client.force_login(editor)
    page = client.get(reverse("datasets:statistics", args=[version.pk])).content.decode()
    assert not [word for word in words if word not in page]


def test_the_detail_address_leads_to_the_newest_version(client: Client, viewer: User, version: DatasetVersion) -> None:
    client.force_login(viewer)
    response = client.get(reverse("datasets:detail", args=[version.dataset_id]))
    assert response.url == reverse("datasets:version", args=[version.pk])  # type: ignore[attr-defined]  # of a redirect


def test_a_label_has_one_colour_on_every_page(client: Client, viewer: User, bring: Import) -> None:
    version = bring("text\tlabel\n" + "".join(f"text {n}\t{'b' if n % 3 else 'a'}\n" for n in range(30)))
    client.force_login(viewer)
    rows, figures = (
        client.get(reverse(f"datasets:{view}", args=[version.pk])).content.decode()
        for view in ("version", "statistics")
    )
    assert 'class="tag tone-1">b<' in rows
    assert re.search(r'class="bar tone-1">\s*<span class="bar-label" title="b"', figures)


def test_the_text_around_a_late_answer_begins_with_a_whole_word() -> None:
    context = "word " * 100 + "Paris" + " more" * 100
    answer = {"answer_texts": ["Paris"], "answer_starts": [500]}
    row = shown({"row_id": 0, "line": 1, "context": context, "question": "Where?", **answer}, "qa", [])
    assert row.begun and row.cut and row.pieces[0].text.startswith("word ")
    assert [piece.text for piece in row.pieces if piece.label] == ["Paris"]
