"""The administrators' pages about everybody: who is here, and shutting out, letting in, promoting, resetting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from nlpstudio.accounts import people, services
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.accounts.sealing import seal
from nlpstudio.config import first_start

PASSWORD = "correct horse battery"


@pytest.fixture
def office(client: Client, admin: User) -> Client:
    """The browser of the administrator."""
    client.force_login(admin)
    return client


def shown(client: Client, query: str = "") -> str:
    return client.get(f"/people/{query}").content.decode()


def actions_on(person: User) -> list[tuple[str, str | None]]:
    found = AuditEntry.objects.filter(object_kind="user", object_id=str(person.pk)).order_by("pk")
    return list(found.values_list("action", "user__email"))


def test_the_page_lists_everybody_and_finds_by_name_and_email(office: Client, owner: User, editor: User):
    assert "olivia@example.org" in shown(office) and "edward@example.org" in shown(office)
    by_name, by_email = shown(office, "?q=OLIV"), shown(office, "?q=edward@")
    assert "olivia@" in by_name and "edward@" not in by_name
    assert "edward@" in by_email and "olivia@" not in by_email
    assert "Nobody here has these words" in shown(office, "?q=nobody+at+all")


def test_a_search_by_htmx_gets_the_table_only(office: Client, owner: User):
    answer = office.get("/people/?q=oliv", headers={"HX-Request": "true"}).content.decode()
    assert answer.lstrip().startswith('<div class="stack" id="people">') and "olivia@example.org" in answer


def test_a_hundred_people_take_pages_and_no_more_questions_than_one(
    office: Client, admin: User, django_assert_num_queries: Callable[..., Any]
):
    with django_assert_num_queries(6):
        shown(office)
    User.objects.bulk_create(User(email=f"p{n:03}@example.org", name=f"Person {n:03}") for n in range(100))
    with django_assert_num_queries(6):
        first = shown(office)
    assert "Person 000" in first and "Person 099" not in first and "101" in first
    assert "Person 099" in shown(office, "?page=5")


def test_last_seen_is_the_later_of_browser_and_program(office: Client, owner: User):
    now = timezone.now()
    User.objects.filter(pk=owner.pk).update(last_seen_at=now - timedelta(days=9))
    assert User.objects.for_people().get(pk=owner.pk).seen_at == now - timedelta(days=9)
    token, _plain = services.create_token(owner, "script")
    type(token).objects.filter(pk=token.pk).update(last_used_at=now - timedelta(days=2))
    found = User.objects.for_people().get(pk=owner.pk)
    assert found.seen_at == now - timedelta(days=2) and found.usable_tokens == 1 and not found.has_two_factor
    assert User.objects.for_people().get(pk=User.objects.create_user("new@example.org").pk).seen_at is None


def test_a_closed_account_is_shut_out_for_good(office: Client, owner: User, admin: User):
    browser, before = Client(), services.make_sign_in_link(owner)
    browser.force_login(owner)
    _token, plain = services.create_token(owner, "script")
    assert office.post(f"/people/{owner.pk}/close/")["Location"] == f"/people/{owner.pk}/"
    assert browser.get("/accounts/tokens/").status_code == 302
    bearer = {"Authorization": f"Bearer {plain}"}
    assert browser.get("/api/v1/me", headers=bearer).status_code == 401
    assert Client().get(before).status_code == 410
    browser.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    assert browser.get("/accounts/tokens/").status_code == 302
    office.post(f"/people/{owner.pk}/open/")
    assert browser.get("/accounts/tokens/").status_code == 302  # the old session stays dead
    assert browser.get("/api/v1/me", headers=bearer).status_code == 401  # and so does the token
    assert Client().get(before).status_code == 410
    browser.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    assert browser.get("/accounts/tokens/").status_code == 200
    assert actions_on(owner)[-2:] == [("user.closed", admin.email), ("user.opened", admin.email)]


def test_what_was_done_is_done_once(owner: User, admin: User):
    for deed in (people.close, people.close, people.open_again, people.open_again):
        deed(person=owner, by=admin)
    for deed in (people.make_admin, people.make_admin, people.unmake_admin, people.unmake_admin):
        deed(person=owner, by=admin)
    assert [action for action, _by in actions_on(owner)] == [
        "user.closed", "user.opened", "user.made_admin", "user.unmade_admin",
    ]  # fmt: skip


def test_nobody_closes_their_own_account(office: Client, admin: User, owner: User):
    people.make_admin(person=owner, by=admin)
    office.post(f"/people/{admin.pk}/close/")
    admin.refresh_from_db()
    assert admin.is_active
    assert "You cannot close your own account" in office.get(f"/people/{admin.pk}/").content.decode()


def test_the_last_administrator_stays(office: Client, admin: User, owner: User):
    office.post(f"/people/{admin.pk}/unmake-admin/")
    assert "this is the last one" in office.get(f"/people/{admin.pk}/").content.decode()
    with pytest.raises(people.LastAdmin):
        people.close(person=admin, by=owner)
    office.post(f"/people/{owner.pk}/make-admin/")
    people.close(person=owner, by=admin)
    with pytest.raises(people.LastAdmin):  # one whose account is closed does not count
        people.unmake_admin(person=admin, by=None)
    people.open_again(person=owner, by=admin)
    office.post(f"/people/{admin.pk}/unmake-admin/")
    admin.refresh_from_db()
    assert not admin.is_admin and office.get("/people/").status_code == 403


@pytest.mark.skipif(connection.vendor == "sqlite", reason="on SQLite whoever writes is alone anyway")
@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_go_at_the_same_moment(admin: User, owner: User):
    import threading

    people.make_admin(person=owner, by=admin)
    together, failed = threading.Barrier(2), []

    def go(person: User) -> None:
        together.wait()
        try:
            people.unmake_admin(person=person, by=None)
        except people.LastAdmin:
            failed.append(person)
        connection.close()

    both = [threading.Thread(target=go, args=[person]) for person in (admin, owner)]
    for each in both:
        each.start()
    for each in both:
        each.join(20)
    assert len(failed) == 1 and User.objects.filter(is_admin=True).count() == 1


def test_an_administrator_resets_a_second_factor(office: Client, admin: User, owner: User):
    Authenticator.objects.create(user=owner, type="totp", data={"secret": seal("x")})
    assert "Reset two-factor sign-in" in office.get(f"/people/{owner.pk}/").content.decode()
    office.post(f"/people/{owner.pk}/reset-two-factor/")
    assert not Authenticator.objects.exists()
    assert actions_on(owner) == [("two_factor.reset", admin.email)]
    assert "Reset two-factor sign-in" not in office.get(f"/people/{owner.pk}/").content.decode()


def test_an_administrator_disconnects_single_sign_on(office: Client, admin: User, owner: User):
    page = f"/people/{owner.pk}/"
    assert "Disconnect single sign-on" not in office.get(page).content.decode()
    SocialAccount.objects.create(user=owner, provider="oidc", uid="id-of-olivia")
    assert "Disconnect single sign-on" in office.get(page).content.decode()
    office.post(f"{page}disconnect/")
    assert not SocialAccount.objects.exists()
    assert actions_on(owner) == [("user.disconnected", admin.email)]


def test_the_menu_leads_there_for_administrators_only(office: Client, owner: User):
    assert 'href="/people/"' in office.get("/").content.decode()
    other = Client()
    other.force_login(owner)
    assert 'href="/people/"' not in other.get("/").content.decode()


def test_the_command_does_the_same(owner: User, admin: User):
    out = StringIO()
    call_command("person", "OLIVIA@example.org", "--make-admin", stdout=out)
    owner.refresh_from_db()
    assert owner.is_admin and "administrator: yes" in out.getvalue()
    call_command("person", admin.email, "--close", stdout=StringIO())
    with pytest.raises(CommandError, match="this is the last one"):
        call_command("person", owner.email, "--unmake-admin", stdout=StringIO())
    with pytest.raises(CommandError, match="There is no user"):
        call_command("person", "nobody@example.org")
    assert actions_on(owner) == [("user.made_admin", None)]


def test_a_start_gives_nobody_back_what_another_administrator_took(admin: User, owner: User):
    people.make_admin(person=owner, by=admin)
    people.unmake_admin(person=admin, by=owner)
    people.close(person=admin, by=owner)
    welcome = first_start.prepare(email=admin.email, password=None)
    admin.refresh_from_db()
    assert (admin.is_admin, admin.is_active, welcome.link, welcome.password) == (False, False, "", None)
