"""The audit log is only added to, whoever asks the database; it is searched, and leaves as a CSV that nothing runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts import guard
from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.projects.models import Membership, Project, Role, TeamMembership

pytestmark = pytest.mark.django_db


def entries() -> models.QuerySet[AuditEntry]:
    return AuditEntry.objects.order_by("pk")


@pytest.fixture
def log(project: Project, owner: User, editor: User) -> list[AuditEntry]:
    """Two deeds in the project by two people, and one elsewhere."""
    record(owner, "project.changed", project, project_id=project.pk, before="Old")
    record(editor, "dataset.created", project, project_id=project.pk)
    record(owner, "token.created", owner)
    return list(entries())


def _raw(statement: str) -> Callable[[], None]:
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return run


ATTACKS: dict[str, Callable[[], Any]] = {
    "change of a name": lambda: entries().update(object_name="x"),
    "change of the time": lambda: entries().update(at=timezone.now() - timedelta(days=1)),
    "another person": lambda: entries().update(user=User.objects.order_by("-email").first()),
    "nobody and another deed": lambda: entries().update(user=None, action="x"),
    "deletion": lambda: entries().delete(),
    "raw deletion": _raw("DELETE FROM accounts_auditentry"),
    "raw change": _raw("UPDATE accounts_auditentry SET details = '{}' WHERE action = 'project.changed'"),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_database_refuses_to_change_what_was_written(log: list[AuditEntry], attack: Callable[[], Any]):
    before = list(entries().values())
    with pytest.raises(DatabaseError, match=guard.WORDS), transaction.atomic():
        attack()
    assert list(entries().values()) == before


def test_it_refuses_to_be_emptied_or_replaced(log: list[AuditEntry]):
    if connection.vendor == "postgresql":
        _raw("SET CONSTRAINTS ALL IMMEDIATE")()  # what is pending would have kept the table from being emptied too
        way = "TRUNCATE accounts_auditentry CASCADE"  # notices speak of its rows
    else:
        names = "id, at, action, object_kind, object_id, object_name, project_id, team_id, details, user_id"
        forged = names.replace("action", "'forged'")
        way = f"INSERT OR REPLACE INTO accounts_auditentry ({names}) SELECT {forged} FROM accounts_auditentry"
    with pytest.raises(DatabaseError, match=guard.WORDS), transaction.atomic():
        _raw(way)()
    assert entries().count() == 3


def test_a_deleted_account_leaves_its_deeds_behind_as_nobodys(log: list[AuditEntry], editor: User):
    editor.delete()
    assert entries().get(action="dataset.created").user is None


def test_a_database_without_the_triggers_would_be_noticed(log: list[AuditEntry]):
    assert guard.is_installed(connection)
    with guard.lifted(connection):
        assert not guard.is_installed(connection)
        entries().filter(action="token.created").delete()
    assert guard.is_installed(connection) and entries().count() == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"project.changed", "dataset.created"}),
        ({"who": "edward"}, {"dataset.created"}),
        ({"who": "EXAMPLE.ORG"}, {"project.changed", "dataset.created"}),
        ({"what": "project."}, {"project.changed"}),
        ({"what": "dataset.created"}, {"dataset.created"}),
        ({"what": "no such deed"}, {"project.changed", "dataset.created"}),
        ({"about": "revIEWs"}, {"project.changed", "dataset.created"}),
        ({"about": "nothing of that name"}, set()),
        ({"since": "TODAY"}, {"project.changed", "dataset.created"}),
        ({"since": "TOMORROW"}, set()),
        ({"until": "TODAY"}, {"project.changed", "dataset.created"}),
        ({"until": "YESTERDAY"}, set()),
        ({"since": "not a day"}, {"project.changed", "dataset.created"}),
    ],
)
def test_a_project_shows_its_deeds_that_fit(
    client: Client, log: list[AuditEntry], viewer: User, project: Project, query: dict[str, str], found: set[str]
):
    days = {"TODAY": 0, "TOMORROW": 1, "YESTERDAY": -1}
    asked = {
        name: f"{timezone.localdate() + timedelta(days=days[value])}" if value in days else value
        for name, value in query.items()
    }
    client.force_login(viewer)
    page = client.get(reverse("projects:activity", args=[project.pk]), asked)
    assert {entry.action for entry in page.context["page"]} == found
    rows = downloaded(client, reverse("projects:activity_csv", args=[project.pk]), asked)
    assert {row["action"] for row in rows} == found


def downloaded(client: Client, address: str, query: dict[str, str] | None = None) -> list[dict[str, str]]:
    answer: Any = client.get(address, query or {})
    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
    text = b"".join(answer).decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


def test_what_was_typed_by_people_is_no_formula_in_the_download(client: Client, project: Project, owner: User):
    for name in ('=HYPERLINK("http://evil")', "\t@SUM(1)", "＝1+1", 'a "quoted", name\nand a line'):
        Project.objects.filter(pk=project.pk).update(name=name)
        project.refresh_from_db()
        record(owner, "project.changed", project, project_id=project.pk)
    client.force_login(owner)
    names = [row["name"] for row in downloaded(client, reverse("projects:activity_csv", args=[project.pk]))]
    assert names == ['a "quoted", name and a line', "'＝1+1", "' @SUM(1)", '\'=HYPERLINK("http://evil")']


def test_a_long_log_leaves_in_pages_without_a_gap(project: Project, owner: User, django_assert_num_queries: Any):
    AuditEntry.objects.bulk_create(
        AuditEntry(action="run.started", user=owner, project_id=project.pk, details={"n": n}) for n in range(1200)
    )
    with django_assert_num_queries(3):
        pages: Iterator[list[AuditEntry]] = AuditEntry.objects.all().pages(500)
        assert [entry.details["n"] for page in pages for entry in page] == list(reversed(range(1200)))


def test_a_team_sees_its_own_deeds_and_those_of_its_projects(
    client: Client, log: list[AuditEntry], project: Project, owner: User
):
    TeamMembership.objects.create(team=project.team, user=owner, role=Role.OWNER)
    record(owner, "team.changed", project.team, team_id=project.team_id)
    client.force_login(owner)
    rows = downloaded(client, reverse("projects:team_activity_csv", args=[project.team_id]))
    assert [row["action"] for row in rows] == ["team.changed", "dataset.created", "project.changed"]


def test_the_administrator_sees_every_deed_and_names_only_of_their_own_projects(
    client: Client, log: list[AuditEntry], project: Project, admin: User
):
    client.force_login(admin)
    page = client.get(reverse("projects:audit")).content.decode()
    assert str(project.pk) in page and "Reviews" not in page and "made an access token" in page
    rows = downloaded(client, reverse("projects:audit_csv"))
    assert [(row["action"], row["name"]) for row in rows] == [
        ("token.created", "Olivia"), ("dataset.created", ""), ("project.changed", ""),
    ]  # fmt: skip
    assert "Old" not in str(rows)
    assert not downloaded(client, reverse("projects:audit_csv"), {"about": "Reviews"})
    assert len(downloaded(client, reverse("projects:audit_csv"), {"about": str(project.pk)})) == 2
    Membership.objects.create(project=project, user=admin, role=Role.VIEWER)
    assert "Reviews" in client.get(reverse("projects:audit")).content.decode()
