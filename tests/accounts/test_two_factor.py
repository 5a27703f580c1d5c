"""The second factor: switched on with an app's code, asked for at sign-in, recovered by codes or an administrator."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client

from nlpstudio.accounts import services, two_factor
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.accounts.sealing import SealBroken, seal, unseal

PASSWORD = "correct horse battery"
ON, OFF, CODES = "/accounts/two-factor/on/", "/accounts/two-factor/off/", "/accounts/two-factor/recovery-codes/"
CODE = "/accounts/two-factor/code/"


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> None:
    """Used codes and attempts are counted in the cache, which tests share."""
    cache.clear()


def code_for(secret: str, later: int = 0) -> str:
    """What an authenticator app shows, `later` periods from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def at_the_start_of_a_period() -> None:
    """A code that is made now is still good when it arrives."""
    while time.time() % 30 > 25:
        time.sleep(0.2)


def confirm(client: Client, page: str) -> None:
    """Say the password once more, as pages about the second factor ask."""
    answer = client.get(page)
    assert answer.status_code == 302 and answer["Location"] == f"/accounts/reauthenticate/?next={quote(page, safe='')}"
    assert client.post(answer["Location"], {"password": PASSWORD, "next": page})["Location"] == page


def switch_on(client: Client) -> tuple[str, list[str]]:
    """The secret in the app and the recovery codes."""
    confirm(client, ON)
    page = client.get(ON).content.decode()
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)
    assert secret
    at_the_start_of_a_period()
    answer = client.post(ON, {"code": code_for(secret[1])})
    assert answer.status_code == 302 and answer["Location"] == CODES
    shown = re.search(r'data-copy="([\d\s]+)"', client.get(CODES).content.decode())
    assert shown
    return secret[1], shown[1].splitlines()


def sign_in(client: Client, user: User, code: str) -> Any:
    """With the password and then a code; the answer to the code."""
    answer = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD, "next": "/accounts/tokens/"})
    assert answer["Location"].startswith(CODE)
    assert "_auth_user_id" not in client.session
    assert client.get("/accounts/tokens/").status_code == 302  # the password alone opens nothing
    return client.post(CODE, {"code": code})


@pytest.fixture
def protected(owner: User, client: Client) -> tuple[str, list[str]]:
    """The owner's second factor is on. Its codes of now count as used."""
    client.force_login(owner)
    made = switch_on(client)
    client.logout()
    return made


def test_it_is_switched_on_by_a_code_and_then_asked_for(owner: User, protected: tuple[str, list[str]]):
    secret, _codes = protected
    client = Client()
    answer = sign_in(client, owner, "000000")
    assert answer.status_code == 200 and "This code is not right" in answer.content.decode()
    at_the_start_of_a_period()
    assert client.post(CODE, {"code": code_for(secret)})["Location"] == "/accounts/tokens/"
    assert client.get("/accounts/tokens/").status_code == 200


def test_a_wrong_code_does_not_switch_it_on(client: Client, owner: User):
    client.force_login(owner)
    confirm(client, ON)
    client.get(ON)
    assert client.post(ON, {"code": "000000"}).status_code == 200
    assert not two_factor.is_on(owner)


def test_a_code_works_once(owner: User, protected: tuple[str, list[str]]):
    at_the_start_of_a_period()
    code = code_for(protected[0])
    assert sign_in(Client(), owner, code).status_code == 302
    assert sign_in(Client(), owner, code).status_code == 200


def test_each_of_ten_recovery_codes_works_once_and_its_use_is_recorded(owner: User, protected: tuple[str, list[str]]):
    _secret, codes = protected
    assert len(codes) == 10 and all(re.fullmatch(r"\d{5} \d{5}", code) for code in codes)
    assert sign_in(Client(), owner, codes[3]).status_code == 302
    assert sign_in(Client(), owner, codes[3]).status_code == 200
    assert AuditEntry.objects.filter(action="two_factor.code_used", user=owner).count() == 1


def test_recovery_codes_are_shown_once_and_made_anew(client: Client, owner: User):
    client.force_login(owner)
    _secret, old = switch_on(client)
    assert old[0] not in client.get(CODES).content.decode()
    assert client.post(f"{CODES}new/")["Location"] == CODES
    new = re.search(r'data-copy="([\d\s]+)"', client.get(CODES).content.decode())
    assert new and not set(old) & set(new[1].splitlines())
    client.logout()
    assert sign_in(Client(), owner, old[0]).status_code == 200
    assert sign_in(Client(), owner, new[1].splitlines()[0]).status_code == 302


def test_it_is_switched_off_with_the_password(client: Client, owner: User, protected: tuple[str, list[str]]):
    client.force_login(owner)
    confirm(client, OFF)
    assert client.post(OFF)["Location"] == "/accounts/security/"
    assert not Authenticator.objects.filter(user=owner).exists()
    answer = Client().post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
    assert answer["Location"] == "/"


def test_without_the_password_it_stays_as_it_is(client: Client, owner: User, protected: tuple[str, list[str]]):
    client.force_login(owner)
    for page in (OFF, f"{CODES}new/"):
        assert client.post(page)["Location"].startswith("/accounts/reauthenticate/")
    assert two_factor.is_on(owner) and Authenticator.objects.filter(user=owner).count() == 2


def test_a_sign_in_link_stands_for_the_password_only(owner: User, protected: tuple[str, list[str]]):
    client = Client()
    assert client.get(services.make_sign_in_link(owner))["Location"] == CODE
    assert "_auth_user_id" not in client.session
    assert client.post(CODE, {"code": protected[1][0]})["Location"] == "/"
    assert "_auth_user_id" in client.session


def test_programs_with_a_token_are_not_asked(client: Client, owner: User, protected: tuple[str, list[str]]):
    _token, plain = services.create_token(owner, "script")
    assert client.get("/api/v1/me", headers={"Authorization": f"Bearer {plain}"}).status_code == 200
    client.force_login(owner)
    assert "Programs are not asked for a code" in client.get("/accounts/security/").content.decode()


def test_codes_are_throttled_by_person(owner: User, protected: tuple[str, list[str]], settings: Any):
    settings.ACCOUNT_RATE_LIMITS = {}
    cache.clear()
    client = Client()
    answers = [sign_in(client, owner, f"00000{n}").content.decode() for n in range(6)]
    assert "This code is not right" in answers[4] and "This code is not right" not in answers[5]
    assert sign_in(client, owner, protected[1][0]).status_code == 200  # a right one comes too late


@pytest.mark.django_db(transaction=True)  # the library tells us of its deeds when they are committed
def test_the_deeds_are_recorded(client: Client, owner: User, admin: User):
    client.force_login(owner)
    switch_on(client)
    client.post(f"{CODES}new/")
    client.post(OFF)
    switch_on_again = Authenticator.objects.create(user=owner, type="totp", data={"secret": seal("x")})
    assert two_factor.reset(owner, by=admin) and not two_factor.reset(owner, by=admin)
    assert switch_on_again.pk and not two_factor.is_on(owner)
    said = (
        AuditEntry.objects.filter(action__startswith="two_factor.").order_by("pk").values_list("action", "user__email")
    )
    assert list(said) == [
        ("two_factor.on", owner.email),
        ("two_factor.codes_made", owner.email),
        ("two_factor.off", owner.email),
        ("two_factor.reset", admin.email),
    ]


def test_the_qr_code_is_markup_and_holds_the_key(client: Client, owner: User):
    client.force_login(owner)
    confirm(client, ON)
    page = client.get(ON)
    assert re.search(
        r'<svg class="qr" viewBox="0 0 \d+ \d+" role="img"[^>]*><path d="M[^"]+"/></svg>', page.content.decode()
    )
    assert "script-src" not in page["Content-Security-Policy"] and page["Cache-Control"].count("no-store") == 1


def test_neither_the_key_nor_the_codes_stand_in_the_database(owner: User, protected: tuple[str, list[str]]):
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert protected[0] not in kept and len(kept) > 100
    totp = Authenticator.objects.get(type="totp")
    assert unseal(totp.data["secret"]) == protected[0]


def test_with_another_key_the_page_says_what_to_do(owner: User, protected: tuple[str, list[str]], settings: Any):
    settings.SECRET_KEY = "another key of the same installation, restored without the old one"
    answer = sign_in(Client(), owner, "000000")
    assert answer.status_code == 200 and "Ask an administrator to reset it" in answer.content.decode()


def test_a_seal_opens_with_its_key_or_a_former_one_only(settings: Any):
    sealed = seal("JBSWY3DPEHPK3PXP")
    assert unseal(sealed) == "JBSWY3DPEHPK3PXP" and seal("JBSWY3DPEHPK3PXP") != sealed
    old, settings.SECRET_KEY = settings.SECRET_KEY, "a new key"
    with pytest.raises(SealBroken):
        unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert unseal(sealed) == "JBSWY3DPEHPK3PXP"
    for broken in ("", "!", sealed[:-4], sealed[:-4] + "AAAA"):
        with pytest.raises(SealBroken):
            unseal(broken)


@pytest.mark.parametrize("page", [OFF, CODES, f"{CODES}new/"])
def test_who_has_none_is_sent_to_where_it_is_switched_on(client: Client, owner: User, page: str):
    client.force_login(owner)
    assert client.get(page)["Location"] == "/accounts/security/"


def test_a_session_of_an_earlier_epoch_is_over(client: Client, owner: User, settings: Any):
    client.force_login(owner)
    assert client.get("/accounts/tokens/").status_code == 200
    User.objects.filter(pk=owner.pk).update(session_epoch=1)
    assert client.get("/accounts/tokens/").status_code == 302


def test_being_here_is_noted_at_most_once_in_five_minutes(
    client: Client, owner: User, django_assert_num_queries: Callable[..., Any]
):
    client.force_login(owner)
    owner.refresh_from_db()
    first = owner.last_seen_at
    assert first is not None
    with django_assert_num_queries(0):
        services.note_seen(owner)
    User.objects.filter(pk=owner.pk).update(last_seen_at=None)
    client.get("/accounts/tokens/")
    owner.refresh_from_db()
    assert owner.last_seen_at is not None and owner.last_seen_at >= first
