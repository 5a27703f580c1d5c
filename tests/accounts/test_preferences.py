"""Language and theme: of a browser before signing in, of a user after."""

from __future__ import annotations

import pytest
from django.test import Client

from nlpstudio.accounts.models import User


@pytest.mark.django_db
def test_a_stranger_chooses_the_language_of_the_sign_in_page(client: Client):
    answer = client.post("/accounts/preferences/", {"language": "zh-hans", "next": "/accounts/login/"})
    assert answer.status_code == 302 and answer["Location"] == "/accounts/login/"
    assert '<html lang="zh-hans"' in client.get("/accounts/login/").content.decode()


def test_the_theme_goes_with_the_user_to_another_browser(client: Client, owner: User):
    client.force_login(owner)
    client.post("/accounts/preferences/", {"theme": "dark"})
    other = Client()
    other.force_login(owner)
    assert 'data-theme="dark"' in other.get("/").content.decode()
    other.post("/accounts/preferences/", {"theme": "system"})
    assert "data-theme=" not in other.get("/").content.decode().split("<body")[0]


@pytest.mark.django_db
@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_way_back_stays_here(client: Client, elsewhere: str):
    assert client.post("/accounts/preferences/", {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_the_profile_page_changes_name_language_and_theme(client: Client, owner: User):
    client.force_login(owner)
    client.post("/accounts/profile/", {"name": "Olive", "language": "zh-hans", "theme": "light"})
    owner.refresh_from_db()
    assert (owner.name, owner.language, owner.theme) == ("Olive", "zh-hans", "light")


def test_a_bad_profile_comes_back_as_a_fragment(client: Client, owner: User):
    client.force_login(owner)
    answer = client.post("/accounts/profile/", {"name": ""}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert answer.content.decode().lstrip().startswith("<form")
    assert "HX-Request" in answer["Vary"]
