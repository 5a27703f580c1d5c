"""Settings of letters and networks are understood as written, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from nlpstudio.config.environment import email_settings, networks, single_sign_on

HOME = Path("studio-home")


def test_without_a_server_letters_go_into_the_home() -> None:
    assert email_settings("", HOME)["EMAIL_FILE_PATH"] == "studio-home/mail"


@pytest.mark.parametrize(
    ("url", "tls", "ssl"),
    [
        ("smtp://u:p@mail.example.org:587/?tls=True", True, None),
        ("smtp+tls://u:p@mail.example.org:587", True, None),
        ("smtp://u:p@mail.example.org:465/?ssl=1", None, True),
        ("smtp://mail.example.org:25", None, None),
        ("smtp://mail.example.org:25/?tls=False", False, None),
    ],
)
def test_a_server_with_and_without_tls(url: str, tls: bool | None, ssl: bool | None) -> None:
    found = email_settings(url, HOME)
    assert found["EMAIL_BACKEND"].endswith("smtp.EmailBackend") and found["EMAIL_HOST"] == "mail.example.org"
    assert (found.get("EMAIL_USE_TLS"), found.get("EMAIL_USE_SSL")) == (tls, ssl)


def test_a_misspelt_option_is_refused_and_not_sent_in_the_clear() -> None:
    with pytest.raises(ImproperlyConfigured, match="tsl"):
        email_settings("smtp://u:p@h:587/?tsl=True", HOME)


def test_networks_are_read_or_refused() -> None:
    assert networks("") == []
    assert [str(each) for each in networks("10.1.2.0/24, fd00::/64")] == ["10.1.2.0/24", "fd00::/64"]
    with pytest.raises(ImproperlyConfigured):
        networks("10.1.2.3/24")


SIGN_ON = {"url": "https://id.example.org/", "client": "studio", "secret": "s", "name": "Example", "people": ""}


def test_single_sign_on_is_off_until_it_is_configured() -> None:
    name, anyone, providers = single_sign_on(url="", client="", secret="", name="", people="")
    assert (name, anyone, providers["openid_connect"]["APPS"]) == ("", False, [])
    name, anyone, providers = single_sign_on(**SIGN_ON)
    assert (name, anyone) == ("Example", False)
    [app] = providers["openid_connect"]["APPS"]
    assert app["provider_id"] == app["settings"]["server_url"] == "https://id.example.org"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"url": ""}, "OIDC_SERVER_URL"),
        ({"client": "", "secret": ""}, "OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
        ({"url": "", "client": "", "secret": ""}, "OIDC_SERVER_URL and"),
        ({"url": "http://id.example.org"}, "https://"),
        ({"url": "id.example.org"}, "https://"),
        ({"url": "https://" + "x" * 200}, "200 characters"),
        ({"people": "all"}, "invited or anyone"),
    ],
)
def test_half_of_single_sign_on_is_refused_with_the_reason(said: dict[str, str], words: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=words):
        single_sign_on(**{**SIGN_ON, **said})
