"""Getting in: password, one-time link, a forgotten password; and getting out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from nlpstudio.accounts import services
from nlpstudio.accounts.models import SignInLink, User

PASSWORD = "correct horse battery"
TOO_MANY = "Too many failed login attempts"


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_page_sends_strangers_to_sign_in_and_back(client: Client, owner: User):
    answer = client.get("/accounts/tokens/")
    assert answer.status_code == 302 and answer["Location"] == "/accounts/login/?next=/accounts/tokens/"
    answer = client.post(
        answer["Location"], {"login": "Olivia@Example.org", "password": PASSWORD, "next": "/accounts/tokens/"}
    )
    assert answer.status_code == 302 and answer["Location"] == "/accounts/tokens/"
    assert signed_in(client)


def test_a_wrong_password_says_so_and_lets_nobody_in(client: Client, owner: User):
    answer = client.post("/accounts/login/", {"login": owner.email, "password": "wrong"})
    assert answer.status_code == 200 and not signed_in(client)
    assert 'role="alert"' in answer.content.decode()


def test_tries_are_counted_by_account_under_whatever_host_they_come(client: Client, owner: User, settings: Any):
    settings.ACCOUNT_RATE_LIMITS = {}
    cache.clear()

    def attempt(number: int, password: str = "wrong") -> str:
        place = {"HTTP_HOST": f"localhost:{number + 1}", "REMOTE_ADDR": f"192.0.2.{number}"}
        return client.post("/accounts/login/", {"login": owner.email, "password": password}, **place).content.decode()

    said = [TOO_MANY in attempt(number) for number in range(6)]
    assert said == [False] * 5 + [True]
    assert TOO_MANY in attempt(6, PASSWORD) and not signed_in(client)
    cache.clear()


def test_signing_out_needs_a_form(client: Client, owner: User):
    client.force_login(owner)
    client.get("/accounts/logout/")
    assert signed_in(client)
    client.post("/accounts/logout/")
    assert not signed_in(client)


@pytest.mark.django_db
def test_nobody_signs_up_without_an_invitation(client: Client):
    assert "By invitation only" in client.get("/accounts/signup/").content.decode()
    client.post("/accounts/signup/", {"email": "eve@example.org", "password1": PASSWORD, "password2": PASSWORD})
    assert not User.objects.exists()


def test_a_link_signs_in_once(client: Client, owner: User):
    path = services.make_sign_in_link(owner)
    assert client.get(path)["Location"] == "/"
    assert signed_in(client)
    other = Client()
    answer = other.get(path)
    assert answer.status_code == 410 and not signed_in(other)


def test_an_old_link_and_that_of_a_closed_account_sign_nobody_in(client: Client, owner: User, editor: User):
    old, closed = services.make_sign_in_link(owner), services.make_sign_in_link(editor)
    SignInLink.objects.filter(user=owner).update(expires_at=timezone.now() - timedelta(seconds=1))
    User.objects.filter(pk=editor.pk).update(is_active=False)
    assert client.get(old).status_code == client.get(closed).status_code == 410
    assert not signed_in(client)


def test_a_forgotten_password_is_set_anew_by_mail(client: Client, owner: User):
    client.post("/accounts/password/reset/", {"email": owner.email})
    assert "Set a new password" in mail.outbox[0].subject
    link = re.search(r"http://testserver(\S+)", str(mail.outbox[0].body))
    assert link
    page = client.get(link[1], follow=True)
    new = "another horse battery"
    answer = client.post(page.request["PATH_INFO"], {"password1": new, "password2": new}, follow=True)
    assert "The new password is set" in answer.content.decode()
    owner.refresh_from_db()
    assert owner.check_password(new)


@pytest.mark.django_db
def test_a_reset_does_not_tell_who_has_an_account(client: Client):
    answer = client.post("/accounts/password/reset/", {"email": "nobody@example.org"}, follow=True)
    assert "Look into your mail" in answer.content.decode()


def test_a_password_is_changed_with_the_old_one(client: Client, owner: User):
    client.force_login(owner)
    new = "another horse battery"
    wrong = client.post("/accounts/password/change/", {"oldpassword": "no", "password1": new, "password2": new})
    assert 'aria-invalid="true"' in wrong.content.decode()
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    owner.refresh_from_db()
    assert owner.check_password(new)


@pytest.mark.django_db
def test_the_first_admin_gets_a_random_password_once():
    user, password = services.ensure_admin("Ada@Example.org")
    assert user.is_admin and password and user.check_password(password)
    assert services.ensure_admin("ada@example.org") == (user, None)


@pytest.mark.django_db
def test_a_given_password_of_the_first_admin_is_not_told_again():
    user, password = services.ensure_admin("ada@example.org", "a password of ours")
    assert password is None and user.check_password("a password of ours")


def test_an_existing_user_becomes_admin_and_keeps_the_password(owner: User):
    user, password = services.ensure_admin(owner.email, "other")
    assert (user, password) == (owner, None)
    owner.refresh_from_db()
    assert owner.is_admin and owner.check_password(PASSWORD)
