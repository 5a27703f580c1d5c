"""A share link opens one demo to people without an account, until it ends or is revoked."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core import limits
from nlpstudio.demos import sharing
from nlpstudio.demos.models import ShareLink
from nlpstudio.engine.inference.pool import Pool
from nlpstudio.registry import services as registry
from nlpstudio.registry.models import ModelVersion


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    cache.clear()


@pytest.fixture
def link(version: ModelVersion, owner: User) -> ShareLink:
    return sharing.share(version=version, days=7, note="Lin", by=owner)


def test_an_owner_makes_a_link_and_whoever_has_it_tries_the_model(
    client: Client, owner: User, serve_worker: Pool, version: ModelVersion
) -> None:
    client.force_login(owner)
    client.post(reverse("demos:share", args=[version.model_id]), {"version": version.pk, "days": 7, "note": "Lin"})
    made = ShareLink.objects.get()
    assert AuditEntry.objects.get(action="link.created").details == {"days": 7, "note": "Lin"}
    address = sharing.address_of(made)
    assert address in client.get(reverse("registry:model", args=[version.model_id])).content.decode()

    client.logout()
    page = client.get(address)
    text = page.content.decode()
    assert page.status_code == 200 and "Whoever has the address of this page" in text
    assert page["X-Robots-Tag"] == "noindex, nofollow" and "no-store" in page["Cache-Control"]
    for hidden in (version.examples[0]["text"], "/api/v1/", str(version.model.project_id), "This is wrong", "Mistakes"):
        assert hidden not in text
    answer = client.post(f"{address}predict/", {"text": "good film"})
    assert answer.status_code == 200 and "positive" in answer.content.decode()
    why = client.post(f"{address}explain/", {"text": "good film", "target": ""}, HTTP_HX_REQUEST="true")
    assert "Integrated gradients" in why.content.decode()
    assert client.get(answer.context["link"]).context["result"] == answer.context["result"]
    made.refresh_from_db()
    assert made.uses == 3 and made.last_used_at is not None


def test_a_revoked_link_is_dead_at_once_also_for_an_open_page(
    client: Client, owner: User, serve_worker: Pool, link: ShareLink
) -> None:
    address = sharing.address_of(link)
    assert client.get(address).status_code == 200
    client.force_login(owner)
    client.post(reverse("demos:revoke_link", args=[link.version.model_id, link.pk]))
    client.logout()
    for verb, path in (("get", ""), ("post", "predict/"), ("get", "state/"), ("post", "explain/")):
        assert getattr(client, verb)(f"{address}{path}", {"text": "good"}).status_code == 410
    moved = client.post(f"{address}predict/", {"text": "good"}, HTTP_HX_REQUEST="true")
    assert moved["HX-Redirect"] == address
    sharing.revoke(link=link, by=owner)
    assert AuditEntry.objects.filter(action="link.revoked").count() == 1


def test_a_link_that_is_forged_has_ended_or_leads_nowhere_opens_nothing(
    client: Client, owner: User, link: ShareLink
) -> None:
    secret = sharing.secret_of(link)
    for forged in (secret[:-2] + "zz", link.pk.hex, f"{link.pk.hex}.", "x"):
        assert client.get(reverse("demos:shared", args=[forged])).status_code == 410
    ShareLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sharing.link_of(secret) is None
    ShareLink.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert sharing.link_of(secret) == link
    registry.delete(model=link.version.model, by=owner)
    assert sharing.link_of(secret) is None


def test_a_link_used_too_often_asks_for_patience(client: Client, serve_worker: Pool, link: ShareLink) -> None:
    address = f"{sharing.address_of(link)}predict/"
    statuses = [client.post(address, {"text": "good"}).status_code for _ in range(sharing.MOST_OF_ONE)]
    assert set(statuses) <= {200, 429} and statuses[0] == 200
    refused = client.post(address, {"text": "good"})
    while refused.status_code == 200:  # a new minute began in between
        refused = client.post(address, {"text": "good"})
    assert refused.status_code == 429 and 1 <= int(refused["Retry-After"]) <= 60
    assert "used too often" in refused.content.decode()
    inside = client.post(address, {"text": "good"}, HTTP_HX_REQUEST="true")
    assert inside.status_code == 200


def test_a_link_answers_while_the_broker_is_away(
    client: Client, serve_worker: Pool, link: ShareLink, no_broker: None
) -> None:
    address = sharing.address_of(link)
    for page in ("predict/", "explain/"):
        assert client.post(f"{address}{page}", {"text": "good film", "target": ""}).status_code == 200
    link.refresh_from_db()
    assert link.uses == 2
    sharing.revoke(link=link, by=link.created_by)
    assert client.post(f"{address}predict/", {"text": "good film"}).status_code == 410


@pytest.mark.parametrize(("who", "status"), [("owner", 302), ("editor", 403), ("stranger", 404), (None, 302)])
def test_only_owners_let_others_in(
    client: Client, request: pytest.FixtureRequest, version: ModelVersion, who: str | None, status: int
) -> None:
    if who:
        client.force_login(request.getfixturevalue(who))
    url = reverse("demos:share", args=[version.model_id])
    assert client.post(url, {"version": version.pk, "days": 7}).status_code == status
    assert ShareLink.objects.exists() == (who == "owner")


def test_a_link_to_another_models_version_or_for_ever_is_not_made(
    client: Client, owner: User, version: ModelVersion, publish: object
) -> None:
    other = publish(model_name="Another")  # type: ignore[operator]  # the fixture
    client.force_login(owner)
    url = reverse("demos:share", args=[version.model_id])
    client.post(url, {"version": other.pk, "days": 7})
    client.post(url, {"version": version.pk, "days": 9999})
    assert not ShareLink.objects.exists()


def test_a_link_opens_with_what_messengers_add_to_its_address(client: Client, link: ShareLink) -> None:
    page = client.get(sharing.address_of(link), {"from": "singlemessage", "utm_source": "mail"})
    assert page.status_code == 200 and not page.context["form"].is_bound
    link.refresh_from_db()
    assert link.uses == 0


def test_who_asks_too_often_does_not_use_the_link_up_for_others(
    link: ShareLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits.time, "time", lambda: 0.0)
    for _ in range(2 * sharing.MOST_OF_ALL):
        with suppress(sharing.TooMany):
            sharing.count_use(link, "10.0.0.1")
    sharing.count_use(link, "10.0.0.2")
    link.refresh_from_db()
    assert link.uses == sharing.MOST_OF_ONE + 1


def test_asking_why_too_often_is_told_where_the_reasons_stand(
    client: Client, link: ShareLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "MOST_OF_ONE", 1)
    url = f"{sharing.address_of(link)}explain/"
    part = client.post(url, {"text": "good film", "target": ""}, HTTP_HX_REQUEST="true")
    assert "used too often" in part.content.decode() and 'id="answer"' not in part.content.decode()
    whole = client.post(url, {"text": "good film", "target": ""})
    assert whole.status_code == 429 and whole["X-Robots-Tag"] == "noindex, nofollow"
