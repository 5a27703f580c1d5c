"""API tokens: shown once, kept as a hash, revocable."""

from __future__ import annotations

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from nlpstudio.accounts import services
from nlpstudio.accounts.models import ApiToken, AuditEntry, User
from nlpstudio.projects.models import Project


def test_a_token_opens_the_door_for_its_user_until_revoked(owner: User):
    token, plain = services.create_token(owner, "script")
    assert re.fullmatch(r"nlps_[\w-]{40}", plain)
    assert services.user_of_token(plain) == owner
    services.revoke_token(token, by=owner)
    assert services.user_of_token(plain) is None
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["token.revoked", "token.created"]


def test_the_token_itself_is_not_kept(owner: User):
    token, plain = services.create_token(owner, "script")
    kept = ApiToken.objects.values().get(pk=token.pk)
    assert plain not in str(kept) and plain.startswith(kept["prefix"]) and len(kept["digest"]) == 64


def test_an_expired_token_and_that_of_a_closed_account_open_nothing(owner: User, editor: User):
    _token, old = services.create_token(owner, "old", timezone.now() - timedelta(seconds=1))
    _token, fresh = services.create_token(editor, "fresh")
    User.objects.filter(pk=editor.pk).update(is_active=False)
    assert services.user_of_token(old) is None
    assert services.user_of_token(fresh) is None


def test_the_use_is_noted_at_most_once_a_minute(owner: User, django_assert_num_queries):
    token, plain = services.create_token(owner, "script")
    with django_assert_num_queries(2):
        services.user_of_token(plain)
    with django_assert_num_queries(1):
        services.user_of_token(plain)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() - timedelta(minutes=2))
    with django_assert_num_queries(2):
        services.user_of_token(plain)


def test_the_page_shows_a_new_token_once(client: Client, owner: User):
    client.force_login(owner)
    made = client.post("/accounts/tokens/", {"name": "nightly", "days": "30"}).content.decode()
    plain = re.search(r"nlps_[\w-]{40}", made)
    assert plain and services.user_of_token(plain[0]) == owner
    later = client.get("/accounts/tokens/").content.decode()
    assert "nightly" in later and plain[0] not in later


def test_a_token_without_a_name_is_refused_by_the_field(client: Client, owner: User):
    client.force_login(owner)
    answer = client.post("/accounts/tokens/", {"name": "", "days": ""})
    assert answer.status_code == 422
    assert 'id="id_name_error"' in answer.content.decode()


def test_nobody_revokes_the_token_of_another(client: Client, owner: User, stranger: User):
    token, plain = services.create_token(owner, "script")
    client.force_login(stranger)
    assert client.post(f"/accounts/tokens/{token.pk}/revoke/").status_code == 404
    assert services.user_of_token(plain) == owner


def test_the_command_prints_only_the_token(owner: User):
    out = StringIO()
    call_command("token", "OLIVIA@example.org", "--name", "ci", stdout=out)
    assert services.user_of_token(out.getvalue().strip()) == owner
    assert ApiToken.objects.get().name == "ci"


@pytest.mark.django_db
def test_the_command_says_when_there_is_no_such_user():
    with pytest.raises(CommandError, match="There is no user"):
        call_command("token", "nobody@example.org")


def test_a_token_is_limited_only_to_a_project_that_its_user_may_see(
    client: Client, stranger: User, viewer: User, project: Project
):
    """It would stand in the log of that project."""
    wish = {"name": "mine", "days": "30", "project": str(project.pk)}
    client.force_login(stranger)
    assert client.post("/accounts/tokens/", wish).status_code == 422
    assert not ApiToken.objects.exists() and not AuditEntry.objects.filter(project_id=project.pk).exists()
    client.force_login(viewer)
    assert client.post("/accounts/tokens/", wish).status_code == 200
    assert ApiToken.objects.get().project_id == project.pk
