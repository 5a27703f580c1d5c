"""What letters say, in the language of whoever gets them, and to whom they still go."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from nlpstudio.notices import words
from nlpstudio.notices.models import Letter, Notice
from nlpstudio.notices.showing import address_of, may_read
from nlpstudio.projects import people
from nlpstudio.projects.models import Invitation
from nlpstudio.projects.roles import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A letter ready to be sent, as plain text."""

    to: str
    subject: str
    body: str


def compose(letter: Letter) -> Composed | None:
    """The letter's words; None when it must not go any more, because what it speaks of is closed to its reader."""
    if letter.notice is not None:
        return _of_notice(letter.notice)
    assert letter.invitation is not None  # one of the two
    return _of_invitation(letter.invitation)


def _of_notice(notice: Notice) -> Composed | None:
    user = notice.user
    address = address_of(notice)
    if not user.is_active or not may_read(notice) or not address:
        return None
    with translation.override(user.language or settings.LANGUAGE_CODE):
        sentence = words.sentence(notice)
        choices = _absolute(reverse("notices:choices"))
        footer = _("You choose which e-mails you get here: %(url)s") % {"url": choices}
        return Composed(to=user.email, subject=_line(sentence), body=_text(sentence, _absolute(address), footer))


def _of_invitation(invitation: Invitation) -> Composed | None:
    if people.open_one(Q(pk=invitation.pk)) is None:
        return None
    by = invitation.created_by
    with translation.override((by.language if by else "") or settings.LANGUAGE_CODE):
        values = {"by": by or _("Somebody"), "place": invitation.place, "role": Role(invitation.role).label}
        sentence = _("%(by)s invites you to “%(place)s” as %(role)s.") % values
        footer = _("The link works once. If you do not know what this is about, do nothing.")
        body = _text(sentence, _absolute(people.address_of(invitation)), footer)
        return Composed(to=invitation.email, subject=_line(sentence), body=body)


def _text(*paragraphs: str) -> str:
    return "\n\n".join(paragraphs) + "\n"


def _line(text: str) -> str:
    """A subject is one line, whatever people called their things."""
    return f"NLP Studio: {' '.join(text.split())}"[:200]


def _absolute(path: str) -> str:
    return f"{settings.PUBLIC_URL.rstrip('/')}{path}"
