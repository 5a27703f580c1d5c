"""Events of a project reach its webhooks, signed, in bounded attempts, and never an address that is not public."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.notices import posting, sending, tasks, webhooks
from nlpstudio.notices.models import RETRY_SECONDS, Delivery, Webhook
from nlpstudio.projects import people
from nlpstudio.projects import services as projects
from nlpstudio.projects.models import Project, Role
from nlpstudio.runs.models import Run
from tests.notices.conftest import Receiver

pytestmark = pytest.mark.django_db
ALL = ["run.finished", "run.failed", "model.shared", "member.invited", "member.joined"]


@pytest.fixture
def hook(project: Project, receiver: Receiver, maintainer: User) -> tuple[Webhook, str]:
    return webhooks.create(project=project, url=receiver.url, events=ALL, by=maintainer)


def deliver_all() -> None:
    for pk in list(Delivery.objects.values_list("pk", flat=True)):
        sending.deliver(pk)


def test_a_finished_run_arrives_signed_so_that_the_receiver_can_check_it(
    hook: tuple[Webhook, str], receiver: Receiver, run: Run
) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    deliver_all()
    ((path, headers, body),) = receiver.got
    assert path == "/hook" and headers["content-type"] == "application/json"
    told = json.loads(body)
    assert told["type"] == "run.finished" and told["data"]["metrics"] == {"accuracy": 0.9}
    assert told["data"]["object"] == {"kind": "run", "id": str(run.pk), "name": "Better", "url": f"/runs/{run.pk}/"}
    key = base64.b64decode(hook[1].removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    assert headers["webhook-signature"] == "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.status, str(delivery.pk)) == ("sent", 204, headers["webhook-id"])
    deliver_all()
    assert len(receiver.got) == 1  # twice is once


def test_it_is_told_of_the_events_it_asked_for_and_of_its_own_project(
    receiver: Receiver, run: Run, project: Project, maintainer: User, owner: User
) -> None:
    webhooks.create(project=project, url=receiver.url, events=["run.failed", "member.joined"], by=maintainer)
    other = Project.objects.create(name="Other", team=project.team)
    webhooks.create(project=other, url=receiver.url, events=ALL, by=maintainer)
    invitation, _secret = people.invite(to=project, role=Role.VIEWER, days=1, by=owner)
    people.accept(invitation=invitation, user=User.objects.create_user("new@example.org", name="Nadia"))
    for action in ("run.finished", "run.failed", "run.cancelled"):
        record(None, action, run, project_id=run.project_id)
    assert set(Delivery.objects.values_list("event", flat=True)) == {"run.failed", "member.joined"}


def test_the_secret_is_not_kept_in_the_clear_and_an_invitations_secret_is_not_sent(
    hook: tuple[Webhook, str], project: Project, owner: User
) -> None:
    _invitation, secret = people.invite(to=project, role=Role.VIEWER, days=1, by=owner, email="x@example.org")
    assert hook[1].removeprefix("whsec_") not in str(Webhook.objects.values())
    body = Delivery.objects.get().body
    assert secret not in body and "x@example.org" not in body


FOR_GOOD = {301: "not followed", 307: "not followed", 410: "gone for good"}


@pytest.mark.parametrize("status", [301, 307, 410])
def test_some_answers_are_final_and_a_redirect_is_not_followed(
    hook: tuple[Webhook, str], receiver: Receiver, run: Run, status: int
) -> None:
    receiver.status, receiver.location = status, receiver.url.replace("/hook", "/elsewhere")
    record(None, "run.finished", run, project_id=run.project_id)
    deliver_all()
    delivery = Delivery.objects.get()
    assert delivery.state == "failed" and delivery.status == status and FOR_GOOD[status] in delivery.error
    assert [path for path, _headers, _body in receiver.got] == ["/hook"]
    assert Webhook.objects.get().is_on == (status != 410)


def test_attempts_are_bounded_and_wait_longer_each_time(
    hook: tuple[Webhook, str], receiver: Receiver, run: Run
) -> None:
    receiver.status = 503
    record(None, "run.finished", run, project_id=run.project_id)
    for attempt, seconds in enumerate((*RETRY_SECONDS, None), start=1):
        Delivery.objects.update(next_at=timezone.now())
        deliver_all()
        deliver_all()  # not before its time
        delivery = Delivery.objects.get()
        assert delivery.attempt == attempt == len(receiver.got) and delivery.error == "Service Unavailable"
        if seconds is not None:
            assert abs((delivery.next_at - timezone.now()).total_seconds() - seconds) < 30
    assert delivery.state == "failed" and delivery.pk not in sending.waiting()[1]
    assert len({headers["webhook-id"] for _path, headers, _body in receiver.got}) == 1


def test_an_attempt_whose_worker_died_is_taken_up_and_counted(
    hook: tuple[Webhook, str], receiver: Receiver, run: Run
) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    pk = Delivery.objects.get().pk
    for _death in range(len(RETRY_SECONDS) + 1):
        assert Delivery.objects.claim(pk) and not Delivery.objects.claim(pk)
        assert pk not in sending.waiting()[1]
        Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))
        assert pk in sending.waiting()[1]
    sending.deliver(pk)
    assert Delivery.objects.get().state == "failed" and not receiver.got


def test_the_task_takes_the_id_as_the_broker_carries_it(
    hook: tuple[Webhook, str], receiver: Receiver, run: Run
) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    tasks.deliver(str(Delivery.objects.get().pk))
    tasks.reap()
    tasks.tidy()
    assert len(receiver.got) == 1


def test_a_webhook_that_nobody_answers_is_switched_off_and_told_so(
    client: Client, hook: tuple[Webhook, str], receiver: Receiver, run: Run, maintainer: User
) -> None:
    receiver.status = 301
    for n in range(sending.FAILURES_BEFORE_PAUSE):
        assert Webhook.objects.get().is_on, n
        record(None, "run.finished", run, project_id=run.project_id)
        deliver_all()
    assert not Webhook.objects.get().is_on and AuditEntry.objects.filter(action="webhook.paused").count() == 1
    before = Delivery.objects.count()
    record(None, "run.finished", run, project_id=run.project_id)
    assert Delivery.objects.count() == before
    client.force_login(maintainer)
    address = reverse("notices:webhook", args=[run.project_id, hook[0].pk])
    assert "Too many deliveries failed" in client.get(address).content.decode()
    client.post(address, {"url": receiver.url, "events": ["run.finished"], "is_on": "on"})
    changed = Webhook.objects.get()
    assert changed.is_on and changed.failures == 0 and changed.events == ["run.finished"]


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "a byte now and then"])
def test_a_slow_receiver_does_not_hold_the_worker(
    hook: tuple[Webhook, str], receiver: Receiver, run: Run, monkeypatch: pytest.MonkeyPatch, drips: bool
) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.6)
    receiver.wait, receiver.drips = (0.0, True) if drips else (3.0, False)
    record(None, "run.finished", run, project_id=run.project_id)
    begun = time.monotonic()
    deliver_all()
    assert time.monotonic() - begun < 2.5
    delivery = Delivery.objects.get()
    assert delivery.state == "waiting" and delivery.error and delivery.status is None


NOT_PUBLIC = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "fd00::1", "ff02::1",
    "fec0::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::",
    "2001:0:1::1", "2001:db8::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_address_that_is_not_public_is_called(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as it is nor behind a name."""

    def no_connection(*_args: Any, **_options: Any) -> Any:
        raise AssertionError("connected")

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: [(family, socket.SOCK_STREAM, 6, "", (address, 443))])
    monkeypatch.setattr(socket, "create_connection", no_connection)
    for host in (f"[{address}]" if ":" in address else address, "innocent.example"):
        with pytest.raises(posting.NotAllowed):
            posting.post(f"https://{host}/", b"{}", {})


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert posting.is_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("text", ["2130706433", "0x7f.1", "017700000001", "127.1", "localhost"])
def test_other_spellings_of_this_machine_are_refused_by_what_they_lead_to(text: str) -> None:
    with pytest.raises(posting.NotAllowed):
        posting.post(f"https://{text}/", b"{}", {})


def test_one_bad_address_of_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", (ip, 443)) for ip in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: found)
    with pytest.raises(posting.NotAllowed):
        posting.resolve("innocent.example", 443)


def test_the_connection_goes_to_the_address_that_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers otherwise the second time is not asked a second time."""
    port = int(receiver.url.rpartition(":")[2].partition("/")[0])
    answers = iter(["127.0.0.1", "127.0.0.99"])
    asked: list[str] = []

    def rebinding(host: str, *_args: Any, **_options: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers) if "rebind" in host else host, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert posting.post(f"http://rebind.example:{port}/hook?a=b", b"{}", {"X-A": "b"}).status == 204
    assert asked.count("rebind.example") == 1
    ((path, headers, _body),) = receiver.got
    assert path == "/hook?a=b" and headers["host"] == f"rebind.example:{port}" and headers["x-a"] == "b"


def test_https_is_never_spoken_in_the_clear(receiver: Receiver) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        posting.post(receiver.url.replace("http://", "https://"), b"{}", {})
    assert not receiver.got


def certificate(host: str) -> bytes:
    """A certificate of the host, signed by itself, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = timezone.now()
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    signed = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return signed + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize(("host", "arrives"), [("hook.example", True), ("other.example", False)])
def test_the_certificate_must_be_the_names_own_though_the_connection_goes_to_a_number(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, arrives: bool
) -> None:
    pem = tmp_path / "pem"
    pem.write_bytes(certificate("hook.example"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    receiver.server.socket = tls.wrap_socket(receiver.server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    port = receiver.server.server_port
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    resolve = socket.getaddrinfo
    by_name = lambda name, *a, **o: found if name.endswith(".example") else resolve(name, *a, **o)  # noqa: E731  # short
    monkeypatch.setattr(socket, "getaddrinfo", by_name)
    if arrives:
        assert posting.post(f"https://{host}:{port}/", b"{}", {}).status == 204
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            posting.post(f"https://{host}:{port}/", b"{}", {})
    assert len(receiver.got) == int(arrives)


def test_what_waited_in_a_backup_does_not_leave_after_a_restore(
    hook: tuple[Webhook, str], receiver: Receiver, run: Run
) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    sending.give_up_waiting()
    deliver_all()
    assert Delivery.objects.get().state == "failed" and not receiver.got


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "https://", "https://u:p@example.org/", "https://example.org:25/",
        "https://example.org:0/", "https://exa mple.org/", "https://example.org/\nX: y", "https://example.org:99999/",
        "javascript:alert(1)", "//example.org/", "https://[::1]/", "https://127.0.0.1/", "https://10.1.2.3:8443/",
    ],
)  # fmt: skip
def test_the_form_refuses_what_is_no_public_https_address(
    client: Client, project: Project, maintainer: User, url: str
) -> None:
    client.force_login(maintainer)
    answer = client.post(reverse("notices:webhooks", args=[project.pk]), {"url": url, "events": ["run.failed"]})
    assert answer.status_code == 422 and not Webhook.objects.exists()


def test_a_maintainer_makes_tests_and_deletes_one_and_sees_the_secret_once(
    client: Client, project: Project, maintainer: User, receiver: Receiver
) -> None:
    client.force_login(maintainer)
    index = reverse("notices:webhooks", args=[project.pk])
    assert "There is no webhook yet" in client.get(index).content.decode()
    made = client.post(index, {"url": receiver.url, "events": ["run.failed", "run.finished"]}).content.decode()
    assert made.count("whsec_") >= 1 and "whsec_" not in client.get(index).content.decode()
    hook = Webhook.objects.get()
    address = reverse("notices:webhook", args=[project.pk, hook.pk])
    client.post(reverse("notices:webhook_test", args=[project.pk, hook.pk]))
    page = client.get(address).content.decode()
    assert "On its way" in page and "every 2s" in page and "No io worker is alive" in page
    deliver_all()
    page = client.get(address).content.decode()
    assert "Arrived" in page and "204" in page and json.loads(receiver.got[0][2])["type"] == "test"
    before = Webhook.objects.get().sealed_secret
    assert "whsec_" in client.post(reverse("notices:webhook_secret", args=[project.pk, hook.pk])).content.decode()
    assert Webhook.objects.get().sealed_secret != before and "whsec_" not in client.get(address).content.decode()
    client.post(reverse("notices:webhook_delete", args=[project.pk, hook.pk]))
    assert not Webhook.objects.exists() and not Delivery.objects.exists()
    deeds = list(AuditEntry.objects.filter(object_kind="webhook").order_by("pk").values_list("action", flat=True))
    assert deeds == ["webhook.created", "webhook.secret_changed", "webhook.deleted"]


def test_tests_and_webhooks_are_bounded(
    client: Client, hook: tuple[Webhook, str], maintainer: User, project: Project
) -> None:
    client.force_login(maintainer)
    for _n in range(webhooks.TESTS_A_MINUTE + 4):
        client.post(reverse("notices:webhook_test", args=[project.pk, hook[0].pk]))
    assert webhooks.TESTS_A_MINUTE <= Delivery.objects.count() < webhooks.TESTS_A_MINUTE + 4
    for n in range(webhooks.MOST - 1):
        webhooks.create(project=project, url=f"https://example.org/{n}", events=["run.failed"], by=maintainer)
    form = {"url": "https://example.org/more", "events": ["run.failed"]}
    answer = client.post(reverse("notices:webhooks", args=[project.pk]), form)
    assert answer.status_code == 422 and "The project has 10 webhooks" in answer.content.decode()


def test_a_webhook_is_found_only_in_its_own_project(client: Client, hook: tuple[Webhook, str], stranger: User) -> None:
    own = Project.objects.get(name="Stan's own")
    client.force_login(stranger)
    for project_id in (own.pk, hook[0].project_id):
        assert client.get(reverse("notices:webhook", args=[project_id, hook[0].pk])).status_code == 404


def test_only_the_last_deliveries_are_kept(hook: tuple[Webhook, str]) -> None:
    now = timezone.now()
    rows = [
        Delivery(id=UUID(int=n), webhook=hook[0], event="test", body="", state="sent", next_at=now) for n in range(60)
    ]
    Delivery.objects.bulk_create(rows)
    Delivery.objects.create(webhook=hook[0], event="test", body="", next_at=now)
    sending.tidy()
    assert Delivery.objects.filter(state="sent").count() == sending.DELIVERIES_KEPT
    assert Delivery.objects.filter(state="waiting").count() == 1


def test_a_secret_sealed_with_another_key_fails_in_words(
    hook: tuple[Webhook, str], run: Run, settings: LazySettings
) -> None:
    record(None, "run.finished", run, project_id=run.project_id)
    settings.SECRET_KEY = "another-key-" + "y" * 32
    deliver_all()
    assert "SECRET_KEY" in Delivery.objects.get().error


def test_the_log_that_viewers_read_has_no_address_of_a_webhook(
    client: Client, project: Project, maintainer: User, viewer: User
) -> None:
    """At many receivers whoever has the address may send."""
    first, second = (f"https://hooks.example.org/services/{secret}" for secret in ("S3CRET", "0TH3R"))
    hook, _key = webhooks.create(project=project, url=first, events=ALL, by=maintainer)
    webhooks.change(hook=hook, url=second, events=ALL, is_on=True, by=maintainer)
    webhooks.delete(hook=hook, by=maintainer)
    client.force_login(viewer)
    page = client.get(reverse("projects:activity", args=[project.pk])).content.decode()
    assert "https://hooks.example.org/…" in page
    assert "S3CRET" not in page and "0TH3R" not in page


def test_of_a_project_in_the_trash_nothing_goes_out(
    hook: tuple[Webhook, str], project: Project, run: Run, owner: User
) -> None:
    projects.delete(project=project, by=owner)
    record(None, "run.finished", run, project_id=project.pk)
    assert not Delivery.objects.exists()
