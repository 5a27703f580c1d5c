"""Single sign-on with a real provider: who comes in and as whom, who does not, and what is said then."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.sessions.models import Session
from django.test import Client

from nlpstudio.accounts import people, services
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.accounts.sealing import seal
from nlpstudio.config.environment import single_sign_on
from nlpstudio.projects import people as members
from nlpstudio.projects.models import Project, Role
from tests.identity import CLIENT, NAME, SECRET, Identity, provider

BEGIN, BACK = "/accounts/single-sign-on/", "/accounts/single-sign-on/callback/"
TOKENS = "/accounts/tokens/"
OLIVIA = {"sub": "id-of-olivia", "email": "Olivia@example.org", "email_verified": True, "name": "Olivia O."}
PAUL = {"sub": "id-of-paul", "email": "paul@example.org", "email_verified": True, "name": "Paul P."}


def configure(settings: Any, identity: Identity, people: str = "") -> None:
    found = single_sign_on(url=identity.address, client=CLIENT, secret=SECRET, name=NAME, people=people)
    settings.SIGN_ON_NAME, settings.SIGN_ON_ANYONE, settings.SOCIALACCOUNT_PROVIDERS = found


@pytest.fixture
def identity(settings: Any) -> Iterator[Identity]:
    """The studio's provider, before which Olivia sits."""
    with provider(**OLIVIA) as started:
        configure(settings, started)
        yield started


def begin(client: Client, next_page: str = "") -> str:
    """Press the button; the address at the provider."""
    page = client.post(BEGIN, {"next": next_page} if next_page else {})
    assert page.status_code == 200, page.content.decode()
    link = re.search(r'class="button primary" href="([^"]+)"', page.content.decode())
    assert link and page["Refresh"] == f"0; url={unescape(link[1])}"
    return unescape(link[1])


def go(client: Client, next_page: str = "") -> Any:
    """Press the button, agree at the provider, come back: the studio's answer to that."""
    back = httpx.get(begin(client, next_page)).headers["Location"]
    assert back.startswith(f"http://testserver{BACK}?")
    return client.get(back.removeprefix("http://testserver"))


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def deeds(user: User) -> list[str]:
    return list(AuditEntry.objects.filter(user=user, action__startswith="user.").values_list("action", flat=True)[::-1])


def assert_refused(client: Client, answer: Any, status: int, words: str) -> None:
    assert answer.status_code == status and words in unescape(answer.content.decode())
    assert not is_in(client) and not SocialAccount.objects.exists()


@pytest.mark.django_db
def test_without_a_provider_there_is_no_button_and_no_way(client: Client):
    assert BEGIN not in client.get("/accounts/login/").content.decode()
    assert client.post(BEGIN).status_code == client.get(BACK).status_code == 404


def test_the_button_names_the_provider_and_loads_nothing_from_it(client: Client, identity: Identity, owner: User):
    page = client.get(f"/accounts/login/?next={TOKENS}")
    assert f"Sign in with {NAME}" in page.content.decode() and identity.address not in page.content.decode()
    assert client.get(BEGIN).status_code == 405  # no link from elsewhere begins it
    assert identity.address not in page["Content-Security-Policy"]


def test_a_verified_email_signs_its_account_in_and_leads_on(client: Client, identity: Identity, owner: User):
    answer = go(client, TOKENS)
    assert answer.status_code == 302 and answer["Location"] == TOKENS
    assert client.get(TOKENS).status_code == 200
    assert User.objects.count() == 1 and deeds(owner) == ["user.connected", "user.signed_in_by_provider"]
    client.logout()
    identity.person |= {"email": "another@example.org", "email_verified": False}  # now known by the id
    assert go(client)["Location"] == "/" and is_in(client)
    assert deeds(owner)[2:] == ["user.signed_in_by_provider"]


def test_foreign_pages_are_not_led_on_to(client: Client, identity: Identity, owner: User):
    assert go(client, "https://evil.example/")["Location"] == "/"


def test_whoever_made_the_account_before_its_owner_came_is_shut_out(client: Client, identity: Identity, owner: User):
    earlier, link = Client(), services.make_sign_in_link(owner)
    earlier.force_login(owner)
    _token, plain = services.create_token(owner, "script")
    page = client.get(go(client)["Location"]).content.decode()
    assert "Its password, tokens and other sessions have ended" in page
    owner.refresh_from_db()
    assert not owner.has_usable_password() and services.token_of(plain) is None
    assert earlier.get(TOKENS).status_code == 302 and earlier.get(link).status_code == 410
    assert client.get(TOKENS).status_code == 200


@pytest.mark.parametrize("said", [False, None, "false", 0, "yes", [True]])
def test_an_email_that_is_not_verified_opens_no_account(client: Client, identity: Identity, owner: User, said: Any):
    identity.person["email_verified"] = said
    assert_refused(client, go(client), 403, f"{NAME} does not say that your e-mail is verified")
    owner.refresh_from_db()
    assert owner.has_usable_password()


def test_no_email_at_all_opens_none_either(client: Client, identity: Identity, owner: User):
    del identity.person["email"]
    assert_refused(client, go(client), 403, "does not say that your e-mail is verified")


def test_another_person_with_the_email_of_somebody_connected_stays_outside(
    client: Client, identity: Identity, owner: User
):
    go(client)
    client.logout()
    identity.person["sub"] = "id-of-olivias-successor"
    answer = go(client)
    assert answer.status_code == 403 and "connected with another person" in answer.content.decode()
    assert not is_in(client) and SocialAccount.objects.get().uid == "id-of-olivia"
    people.disconnect(person=owner, by=None)
    assert go(client)["Location"] == "/" and SocialAccount.objects.get().uid == "id-of-olivias-successor"


def test_the_second_factor_is_asked_for_and_only_then_the_deed_is_done(client: Client, identity: Identity, owner: User):
    Authenticator.objects.create(user=owner, type="totp", data={"secret": seal("JBSWY3DPEHPK3PXP")})
    codes = Authenticator.objects.create(
        user=owner, type="recovery_codes", data={"seed": seal("1" * 40), "used_mask": 0}
    )
    assert go(client, TOKENS)["Location"] == "/accounts/two-factor/code/"
    assert not is_in(client) and client.get(TOKENS).status_code == 302
    assert "user.signed_in_by_provider" not in deeds(owner)
    kept = "".join(str(each.get_decoded()) for each in Session.objects.all())
    assert "id-of-olivia" in kept and not any(token in kept for token in identity.given)
    answer = client.post("/accounts/two-factor/code/", {"code": codes.wrap().get_unused_codes()[0]})
    assert answer["Location"] == TOKENS and is_in(client)
    assert deeds(owner)[-1] == "user.signed_in_by_provider"


def test_a_closed_account_stays_closed(client: Client, identity: Identity, owner: User, admin: User):
    people.close(person=owner, by=admin)
    assert go(client)["Location"] == "/accounts/inactive/"
    assert not is_in(client) and not SocialAccount.objects.exists() and deeds(owner) == []
    people.open_again(person=owner, by=admin)
    assert go(client)["Location"] == "/" and is_in(client)
    people.close(person=owner, by=admin)
    again = Client()
    assert go(again)["Location"] == "/accounts/inactive/" and not is_in(again)
    assert client.get(TOKENS).status_code == 302


def test_a_stranger_gets_no_account(client: Client, identity: Identity, owner: User):
    identity.person = dict(PAUL)
    assert_refused(client, go(client), 403, "There is no account for paul@example.org")
    assert User.objects.count() == 1


def test_who_was_invited_by_email_gets_an_account_and_finds_the_invitation(
    client: Client, identity: Identity, project: Project, owner: User
):
    identity.person = dict(PAUL)
    members.invite(to=project, role=Role.EDITOR, days=7, by=owner, email="Paul@Example.org")
    answer = go(client)
    assert "Reviews" in client.get(answer["Location"]).content.decode()
    client.post(answer["Location"])
    paul = User.objects.get(email="paul@example.org")
    assert paul.name == "Paul P." and not paul.has_usable_password() and not paul.is_admin
    assert project.memberships.get(user=paul).role == Role.EDITOR
    assert deeds(paul) == ["user.created", "user.signed_in_by_provider"]


def test_who_holds_the_link_of_an_invitation_gets_an_account(
    client: Client, identity: Identity, project: Project, owner: User
):
    identity.person = dict(PAUL)
    invitation, secret = members.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    path = f"/invitations/{secret}/"
    assert f"Sign in with {NAME}" in client.get(path).content.decode()
    members.revoke_invitation(invitation=invitation, by=owner)
    assert_refused(client, go(client, path), 403, "There is no account")
    _invitation, secret = members.invite(to=project, role=Role.VIEWER, days=7, by=owner)
    assert go(client, f"/invitations/{secret}/")["Location"] == f"/invitations/{secret}/" and is_in(client)


@pytest.mark.django_db
def test_where_anyone_may_come_a_stranger_gets_an_account(client: Client, identity: Identity, settings: Any):
    configure(settings, identity, "anyone")
    identity.person = {**PAUL, "name": None}
    assert go(client)["Location"] == "/" and is_in(client)
    assert User.objects.get().name == "paul"
    client.logout()
    identity.person = {**PAUL, "sub": "another", "email": "q@example.org", "email_verified": False}
    assert go(client).status_code == 403 and User.objects.count() == 1


def test_nothing_of_the_provider_is_kept_but_the_id(client: Client, identity: Identity, owner: User):
    identity.person["picture"] = "https://avatars.example/olivia.png"
    page = client.get(go(client)["Location"]).content.decode()
    assert "avatars.example" not in page
    kept = SocialAccount.objects.get()
    assert (kept.uid, kept.provider, kept.extra_data) == ("id-of-olivia", identity.address, {})
    assert not SocialToken.objects.exists() and len(identity.given) == 3
    sessions = "".join(str(each.get_decoded()) for each in Session.objects.all())
    assert not any(token in sessions for token in identity.given)


@pytest.mark.parametrize(
    "lie",
    [
        {"signed_by": "a key of somebody else"},
        {"algorithm": "none"},
        {"algorithm": "HS256"},
        {"claims": {"aud": "another client"}},
        {"claims": {"iss": "https://elsewhere.example"}},
        {"claims": {"exp": 1}},
        {"claims": {"sub": "id-of-somebody-else"}},
        {"answers": {"/me": (200, {"email": "olivia@example.org", "email_verified": True})}},
        {"answers": {"/me": (200, [])}},
        {"answers": {"/token": (200, {"access_token": "alone"})}},
        {"answers": {"/token": (400, {"error": "invalid_client"})}},
        {"answers": {"/keys": (200, {})}},
    ],
)
def test_an_identity_that_does_not_hold_is_refused(
    client: Client, identity: Identity, owner: User, lie: dict[str, Any]
):
    for name, value in lie.items():
        setattr(identity, name, value)
    assert_refused(client, go(client), 401, f"{NAME} did not say who you are")


def test_a_code_of_another_browser_is_refused(client: Client, identity: Identity, owner: User):
    back = httpx.get(begin(Client())).headers["Location"].removeprefix("http://testserver")
    assert_refused(client, client.get(back), 401, "Start again")


def test_a_code_works_once(client: Client, identity: Identity, owner: User):
    back = httpx.get(begin(client)).headers["Location"].removeprefix("http://testserver")
    client.get(back)
    assert is_in(client)
    other = Client()
    assert other.get(back).status_code == 401 and client.get(back).status_code == 401


def test_breaking_off_at_the_provider_is_said(client: Client, identity: Identity, owner: User):
    state = re.search(r"state=(\w+)", urlsplit(begin(client)).query)
    assert state
    answer = client.get(BACK, {"error": "access_denied", "state": state[1]})
    assert_refused(client, answer, 403, f"You broke it off at {NAME}")


@pytest.mark.parametrize("place", ["/.well-known/openid-configuration", "/token", "/keys", "/me"])
def test_a_provider_in_trouble_is_a_page_and_no_fault_of_ours(
    client: Client, identity: Identity, owner: User, place: str
):
    identity.answers[place] = (503, {})
    answer = client.post(BEGIN) if place.startswith("/.") else go(client)
    assert answer.status_code in (401, 503)
    assert_refused(client, answer, answer.status_code, NAME)


@pytest.mark.parametrize("said", [b"<html>", {}, [], {"issuer": "x"}])
def test_a_discovery_that_is_none_is_a_page(client: Client, identity: Identity, owner: User, said: Any):
    identity.answers["/.well-known/openid-configuration"] = (200, said)
    assert_refused(client, client.post(BEGIN), 401, f"{NAME} did not say who you are")


@pytest.mark.django_db
def test_a_provider_that_is_down_is_a_page_on_both_ways(client: Client, settings: Any):
    with provider(**OLIVIA) as gone:
        configure(settings, gone)
        back = httpx.get(begin(client)).headers["Location"].removeprefix("http://testserver")
    assert_refused(client, client.get(back), 503, f"{NAME} does not answer just now")
    assert_refused(client, client.post(BEGIN), 503, "or sign in with your password")
