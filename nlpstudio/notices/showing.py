"""Notices as their reader sees them: what is closed to them by now is not named any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from nlpstudio.accounts.models import User
from nlpstudio.notices import words
from nlpstudio.notices.models import Kind, Notice
from nlpstudio.projects import people
from nlpstudio.projects.models import Invitation, Project

INVITING = "invitation.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A notice on the page; without `sentence` it may not be read any more, without `can_open` it leads nowhere."""

    id: UUID
    icon: str
    sentence: str
    at: datetime
    is_read: bool
    can_open: bool


def rows(user: User, notices: Iterable[Notice]) -> list[Row]:
    """The notices, whose entries and their people are at hand, in two more queries at most."""
    notices = list(notices)
    projects = {
        notice.entry.project_id for notice in notices if notice.entry.action != INVITING and notice.entry.project_id
    }
    visible = set(Project.objects.visible_to(user).filter(pk__in=projects).values_list("pk", flat=True))
    invited = [notice.entry.object_id for notice in notices if notice.entry.action == INVITING]
    is_open = set(Invitation.objects.open().filter(pk__in=invited).values_list("pk", flat=True)) if invited else set()
    return [_row(notice, visible, is_open) for notice in notices]


def _row(notice: Notice, visible: set[UUID], is_open: set[UUID]) -> Row:
    is_inviting = notice.entry.action == INVITING
    is_readable = is_inviting or notice.entry.project_id is None or notice.entry.project_id in visible
    return Row(
        id=notice.pk,
        icon=words.icon_of(notice),
        sentence=words.sentence(notice) if is_readable else "",
        at=notice.at,
        is_read=notice.read_at is not None,
        can_open=UUID(notice.entry.object_id) in is_open if is_inviting else is_readable,
    )


def may_read(notice: Notice) -> bool:
    """Whether its person may still see what it is about."""
    if notice.kind == Kind.INVITED or notice.entry.project_id is None:
        return True
    return Project.objects.visible_to(notice.user).filter(pk=notice.entry.project_id).exists()


def address_of(notice: Notice) -> str:
    """The path that it leads to; nothing for an invitation that is closed."""
    if notice.entry.action != INVITING:
        return notice.url
    invitation = people.open_one(Q(pk=notice.entry.object_id))
    return people.address_of(invitation) if invitation else ""
