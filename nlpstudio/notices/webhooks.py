"""What maintainers do with the webhooks of a project, and putting events on their way to them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from nlpstudio.accounts import audit, sealing
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core import limits
from nlpstudio.core.errors import StudioError
from nlpstudio.core.jobs import delay_on_commit
from nlpstudio.notices import signing, tasks
from nlpstudio.notices.models import Delivery, Webhook
from nlpstudio.notices.rules import EVENTS, Telling
from nlpstudio.projects.models import Project

MOST = 10
"""Webhooks of one project."""
TESTS_A_MINUTE = 6
TEST = "test"


class Refused(StudioError):
    """It cannot be made or tested now."""

    code = "webhook.refused"


@transaction.atomic
def create(*, project: Project, url: str, events: Sequence[str], by: User) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is shown once. Raises `Refused` when the project has many."""
    Project.objects.select_for_update().get(pk=project.pk)  # two at once are counted one after another
    if project.webhooks.count() >= MOST:
        raise Refused(_("The project has %(count)s webhooks.") % {"count": MOST}, hint=_("Delete one first."))
    secret = signing.new_secret()
    hook = Webhook.objects.create(
        project=project, url=url, events=_known(events), sealed_secret=sealing.seal(secret), created_by=by
    )
    audit.record(by, "webhook.created", hook, project_id=project.pk, events=hook.events)
    return hook, secret


@transaction.atomic
def change(*, hook: Webhook, url: str, events: Sequence[str], is_on: bool, by: User) -> None:
    """Another address, other events, on or off."""
    before = str(hook)
    hook.url, hook.events, hook.is_on, hook.failures = url, _known(events), is_on, 0
    hook.save(update_fields=["url", "events", "is_on", "failures"])
    audit.record(by, "webhook.changed", hook, project_id=hook.project_id, before=before, events=hook.events, on=is_on)


@transaction.atomic
def change_secret(*, hook: Webhook, by: User) -> str:
    """A new secret, shown once. What is on its way is signed with it too."""
    secret = signing.new_secret()
    hook.sealed_secret = sealing.seal(secret)
    hook.save(update_fields=["sealed_secret"])
    audit.record(by, "webhook.secret_changed", hook, project_id=hook.project_id)
    return secret


@transaction.atomic
def delete(*, hook: Webhook, by: User) -> None:
    """Gone, with what is on its way to it."""
    audit.record(by, "webhook.deleted", hook, project_id=hook.project_id)
    hook.delete()


def test(*, hook: Webhook, by: User) -> Delivery:
    """Send an event that says it is a test, also while it is off. Raises `Refused` when that was done too often."""
    wait = limits.seconds_to_wait(f"webhook-test:{hook.project_id}", most=TESTS_A_MINUTE, seconds=60)
    if wait:
        raise Refused(_("That was tried often."), hint=_("Try again in %(count)s seconds.") % {"count": wait})
    data = {"project": _of(hook.project), "by": str(by)}
    return _send(hook, TEST, _body(TEST, data))


def announce(entry: AuditEntry, telling: Telling) -> None:
    """Put the event on its way to the project's webhooks that want it; of one in the trash nothing goes out."""
    if not telling.event or entry.project_id is None:
        return
    wanting = Webhook.objects.filter(project_id=entry.project_id, project__deleted_at__isnull=True, is_on=True)
    for hook in wanting.select_related("project"):
        if telling.event in hook.events:
            _send(hook, telling.event, _body(telling.event, _data(hook.project, entry, telling)))


def _known(events: Sequence[str]) -> list[str]:
    return [event for event in EVENTS if event in events]


def _data(project: Project, entry: AuditEntry, telling: Telling) -> dict[str, Any]:
    name = telling.about if telling.event != "member.invited" else ""
    thing = {"kind": entry.object_kind, "id": entry.object_id, "name": name, "url": absolute(telling.url)}
    by = str(entry.user) if entry.user else None
    return {"project": _of(project), "by": by, "object": thing, **telling.data}


def _of(project: Project) -> dict[str, str]:
    return {"id": str(project.pk), "name": project.name}


def _body(event: str, data: dict[str, Any]) -> str:
    moment = timezone.now().isoformat(timespec="seconds")
    return json.dumps({"type": event, "timestamp": moment, "data": data}, ensure_ascii=False, default=str)


def _send(hook: Webhook, event: str, body: str) -> Delivery:
    delivery = Delivery.objects.create(id=uuid.uuid4(), webhook=hook, event=event, body=body, next_at=timezone.now())
    delay_on_commit(tasks.deliver, str(delivery.pk))
    return delivery


def absolute(path: str) -> str:
    """The path under the address that people use; the path alone where the settings name none."""
    return settings.PUBLIC_URL.rstrip("/") + path if path else ""
