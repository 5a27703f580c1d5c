"""People are told of what concerns them, once, in their words, and of nothing that is closed to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.demos import sharing
from nlpstudio.notices import rules, sending, services
from nlpstudio.notices.models import Kind, Letter, Notice
from nlpstudio.operations.doctor import examine
from nlpstudio.projects import people, teams
from nlpstudio.projects import services as projects
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Invitation, Membership, Project, Role, TeamMembership
from nlpstudio.registry import services as registry
from nlpstudio.registry.models import ModelVersion, Visibility
from nlpstudio.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def with_mail(settings: LazySettings) -> None:
    settings.MAIL_IS_ON = True
    settings.PUBLIC_URL = "https://studio.example.org"


def told(user: User) -> list[str]:
    return [str(kind) for kind in Notice.objects.filter(user=user).values_list("kind", flat=True)]


def unread(user: User) -> int:
    return User.objects.get(pk=user.pk).unread_notices


def sound() -> bool:
    return not examine(only=["notices.counted"]).findings


def post_letters() -> list[Any]:
    for pk in list(Letter.objects.values_list("pk", flat=True)):
        sending.send_letter(pk)
    return mail.outbox


@pytest.mark.parametrize(("action", "kind"), [("run.finished", "run_finished"), ("run.failed", "run_failed")])
def test_whoever_started_a_run_is_told_of_its_end_and_nobody_else(
    run: Run, editor: User, owner: User, action: str, kind: str
) -> None:
    record(None, action, run, project_id=run.project_id)
    assert told(editor) == [kind] and unread(editor) == 1
    assert not told(owner)


@pytest.mark.parametrize("action", ["run.stopped", "run.cancelled", "run.deleted", "dataset.created"])
def test_of_other_deeds_nobody_is_told(run: Run, action: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        record(None, action, run, project_id=run.project_id)
    assert not Notice.objects.exists()


@pytest.mark.parametrize("gone", ["removed", "shut off"])
def test_whoever_has_left_is_not_told(run: Run, editor: User, gone: str) -> None:
    if gone == "removed":
        Membership.objects.filter(user=editor).delete()
    else:
        User.objects.filter(pk=editor.pk).update(is_active=False)
    run.refresh_from_db()
    record(None, "run.finished", Run.objects.get(pk=run.pk), project_id=run.project_id)
    assert not Notice.objects.exists()


def test_a_deed_is_done_even_when_nobody_can_be_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_args: Any) -> Any:
        User.objects.create(pk=run.created_by_id, email="twice")  # a failed statement, which must not spoil the rest
        raise AssertionError

    monkeypatch.setitem(rules.RULES, "run.finished", breaks)  # type: ignore[arg-type]  # a dict, in truth
    record(None, "run.finished", run, project_id=run.project_id)
    assert AuditEntry.objects.filter(action="run.finished").count() == 1


def test_whoever_has_an_account_is_invited_in_the_studio_and_joins_from_there(
    client: Client, project: Project, owner: User, stranger: User
) -> None:
    people.invite(to=project, role=Role.EDITOR, days=7, by=owner, email="STAN@example.org")
    client.force_login(stranger)
    page = client.get(reverse("notices:list")).content.decode()
    assert "Olivia invites you to “Reviews” as Editor." in page and "Notices, 1 unread" in page
    notice = Notice.objects.get(user=stranger)
    answer = client.post(reverse("notices:open", args=[notice.pk]))
    assert answer.status_code == 302 and unread(stranger) == 0
    client.post(answer["Location"])
    assert project_for(stranger, project.pk, Role.EDITOR)
    assert told(owner) == [Kind.INVITED]
    client.force_login(owner)
    assert (
        "Stan joined “Reviews” by your invitation, as Editor." in client.get(reverse("notices:list")).content.decode()
    )
    client.force_login(stranger)
    assert "This invitation is used up or has ended." in client.get(reverse("notices:list")).content.decode()


def test_the_invitation_form_takes_an_e_mail_and_does_not_tell_who_has_an_account(
    client: Client, project: Project, owner: User, stranger: User
) -> None:
    client.force_login(owner)
    pages = []
    for email in (stranger.email, "nobody@example.org"):
        form = {"role": "viewer", "days": 7, "email": email}
        answer = client.post(reverse("projects:invite", args=[project.pk]), form)
        pages.append(answer.content.decode().count("is told, if that is possible"))
    assert pages == [1, 1]
    assert told(stranger) == [Kind.INVITED]


def test_a_signed_invitation_opens_only_what_was_sent_to_somebody_and_ends_with_it(
    project: Project, owner: User
) -> None:
    sent, _secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner, email="a@example.org")
    link, secret = people.invite(to=project, role=Role.VIEWER, days=7, by=owner)

    def opened(invitation: Invitation) -> Invitation | None:
        return people.invitation_of(people.address_of(invitation).rstrip("/").rpartition("/")[2])

    assert opened(sent) == sent and opened(link) is None and people.invitation_of(secret) == link
    assert people.invitation_of(f"{sent.pk.hex}.forged") is None
    people.revoke_invitation(invitation=sent, by=owner)
    assert opened(sent) is None


def test_those_who_look_after_a_project_are_told_when_its_models_are_shared(
    client: Client, version: ModelVersion, owner: User, maintainer: User, editor: User, viewer: User
) -> None:
    TeamMembership.objects.create(team=version.model.project.team, user=viewer, role=Role.MAINTAINER)
    sharing.share(version=version, days=7, note="Lin", by=owner)
    registry.show_to(model=version.model, visibility=Visibility.EVERYONE, by=owner)
    registry.show_to(model=version.model, visibility=Visibility.PROJECT, by=owner)
    assert told(maintainer) == told(viewer) == [Kind.SHARED, Kind.SHARED]
    assert not told(owner) and not told(editor)  # who did it knows; an editor does not look after it
    client.force_login(maintainer)
    page = client.get(reverse("notices:list")).content.decode()
    assert "Olivia made a share link to “Sentiment v1” of “Reviews”." in page


def test_a_team_is_told_of_a_project_that_comes_to_it(project: Project, owner: User, stranger: User) -> None:
    team = teams.create(name="New home", by=owner)
    TeamMembership.objects.create(team=team, user=stranger, role=Role.VIEWER)
    project = project_for(owner, project.pk)
    projects.change(project=project, team=team, by=owner)
    assert told(stranger) == [Kind.SHARED] and not told(owner)


def test_what_is_closed_to_somebody_by_now_is_not_named_any_more(client: Client, run: Run, editor: User) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    client.force_login(editor)
    assert "Your run “Better” in “Reviews” finished." in client.get(reverse("notices:list")).content.decode()
    Membership.objects.filter(user=editor).delete()
    page = client.get(reverse("notices:list")).content.decode()
    assert "Better" not in page and "Reviews" not in page and "not in any more" in page


def test_the_page_asks_the_database_a_fixed_number_of_times_and_the_bell_never(
    client: Client, run: Run, editor: User, owner: User
) -> None:
    client.force_login(editor)
    people.invite(to=run.project, role=Role.VIEWER, days=7, by=owner, email=editor.email)

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as counted:
            client.get(address)
        return len(counted)

    record(None, "run.finished", run, project_id=run.project_id)
    addresses = [reverse("notices:list"), reverse("home"), reverse("worker_light")]
    few = [queries(address) for address in addresses]
    for _n in range(15):
        record(None, "run.failed", run, project_id=run.project_id)
    assert [queries(address) for address in addresses] == few
    User.objects.filter(pk=editor.pk).update(unread_notices=0)
    assert queries(reverse("home")) == few[1]


def test_the_open_page_hears_of_a_new_notice_by_the_call_it_makes_anyway(
    client: Client, run: Run, editor: User
) -> None:
    client.force_login(editor)
    assert 'aria-label="Notices"' in client.get(reverse("worker_light")).content.decode()
    record(None, "run.failed", run, project_id=run.project_id)
    light = client.get(reverse("worker_light")).content.decode()
    assert 'hx-swap-oob="true"' in light and "Notices, 1 unread" in light


def test_reading_one_or_all_counts_each_once(client: Client, run: Run, editor: User, viewer: User) -> None:
    for _n in range(3):
        record(None, "run.finished", run, project_id=run.project_id)
    first = Notice.objects.first()
    assert first is not None
    client.force_login(viewer)
    assert client.post(reverse("notices:read", args=[first.pk])).status_code == 404
    client.force_login(editor)
    for _twice in range(2):
        client.post(reverse("notices:read", args=[first.pk]))
        assert unread(editor) == 2 and sound()
    for _twice in range(2):
        client.post(reverse("notices:read_all"))
        assert unread(editor) == 0 and sound()
    User.objects.filter(pk=editor.pk).update(unread_notices=5)
    assert not sound()


def test_letters_go_to_whom_they_concern_in_their_language_with_a_link(with_mail: None, run: Run, editor: User) -> None:
    User.objects.filter(pk=editor.pk).update(language="zh-hans")
    Run.objects.filter(pk=run.pk).update(name="Two\nlines")
    record(None, "run.finished", Run.objects.get(pk=run.pk), project_id=run.project_id)
    (letter,) = post_letters()
    assert letter.to == ["edward@example.org"]
    assert "\n" not in letter.subject and "Two lines" in letter.subject and "Your run" not in letter.subject
    assert f"https://studio.example.org/runs/{run.pk}/" in letter.body
    assert "https://studio.example.org/notices/letters/" in letter.body
    post_letters()
    assert len(mail.outbox) == 1  # twice is once


def test_without_a_mail_server_there_are_no_letters(run: Run, editor: User) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    assert told(editor) and not Letter.objects.exists()


def test_each_chooses_what_comes_as_a_letter(with_mail: None, client: Client, run: Run, editor: User) -> None:
    client.force_login(editor)
    assert "checked" in client.get(reverse("notices:choices")).content.decode()
    client.post(reverse("notices:choices"), {"kinds": ["run_failed"]})
    record(None, "run.finished", run, project_id=run.project_id)
    assert not Letter.objects.exists()
    record(None, "run.failed", run, project_id=run.project_id)
    assert Letter.objects.count() == 1
    client.post(reverse("notices:choices"), {})
    record(None, "run.failed", run, project_id=run.project_id)
    assert Letter.objects.count() == 1 and services.mailed_kinds(editor) == []
    assert client.post(reverse("notices:choices"), {"kinds": ["everything"]}).status_code == 422


def test_somebody_without_an_account_gets_the_link_and_joins_by_it(
    with_mail: None, client: Client, project: Project, owner: User
) -> None:
    people.invite(to=project, role=Role.EDITOR, days=7, by=owner, email="nadia@example.org")
    (letter,) = post_letters()
    assert letter.to == ["nadia@example.org"] and "Olivia invites you" in letter.subject
    path = letter.body.partition("https://studio.example.org")[2].split()[0]
    join = {"name": "Nadia", "email": "nadia@example.org", "password": "a long enough one"}
    assert client.post(path, join).status_code == 302
    assert project_for(User.objects.get(email="nadia@example.org"), project.pk, Role.EDITOR)


CLOSED: dict[str, Callable[[Project, User], Any]] = {
    "removed": lambda project, user: Membership.objects.filter(user=user).delete(),
    "shut off": lambda project, user: User.objects.filter(pk=user.pk).update(is_active=False),
    "deleted": lambda project, user: Project.objects.filter(pk=project.pk).update(deleted_at=timezone.now()),
}


@pytest.mark.parametrize("close", CLOSED.values(), ids=CLOSED)
def test_a_letter_is_not_sent_when_its_matter_was_closed_meanwhile(
    with_mail: None, run: Run, editor: User, close: Callable[[Project, User], Any]
) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    close(run.project, editor)
    assert not post_letters() and Letter.objects.get().state == "failed"


def test_a_revoked_invitation_is_not_sent(with_mail: None, project: Project, owner: User) -> None:
    invitation, _secret = people.invite(to=project, role=Role.EDITOR, days=7, by=owner, email="nadia@example.org")
    people.revoke_invitation(invitation=invitation, by=owner)
    assert not post_letters()


def test_a_mail_server_that_is_away_is_tried_again_a_bounded_number_of_times(
    with_mail: None, run: Run, settings: LazySettings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens
    record(None, "run.finished", run, project_id=run.project_id)
    tried = 0
    while Letter.objects.filter(state="waiting").exists():
        post_letters()
        assert Letter.objects.get().attempt == tried + 1
        post_letters()  # not before its time
        tried += 1
        assert Letter.objects.get().attempt == tried
        Letter.objects.update(next_at=timezone.now())
    assert tried == 5 and "ConnectionRefusedError" in Letter.objects.get().error


def test_nobody_is_flooded_with_letters(with_mail: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "LETTERS_AN_HOUR", 2)
    for _n in range(4):
        record(None, "run.finished", run, project_id=run.project_id)
    assert len(post_letters()) == 2 and Notice.objects.count() == 4


def test_old_notices_are_let_go_and_the_count_stays_right(run: Run, editor: User) -> None:
    for _n in range(4):
        record(None, "run.finished", run, project_id=run.project_id)
    read, kept, ancient, _new = Notice.objects.order_by("at")
    services.mark_read(user=editor, notice_id=read.pk)
    Notice.objects.filter(pk__in=[read.pk, kept.pk]).update(
        at=timezone.now() - sending.NOTICES_KEPT - timedelta(days=1)
    )
    Notice.objects.filter(pk=ancient.pk).update(at=timezone.now() - 2 * sending.NOTICES_KEPT - timedelta(days=1))
    sending.tidy()
    assert Notice.objects.count() == 2 and kept in Notice.objects.all() and unread(editor) == 2 and sound()
