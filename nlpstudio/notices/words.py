"""A notice as one sentence, in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nlpstudio.notices.models import Notice
from nlpstudio.projects.models import Role

SENTENCES: Mapping[str, Any] = {
    "run.finished": gettext_lazy("Your run “%(about)s” in “%(place)s” finished."),
    "run.failed": gettext_lazy("Your run “%(about)s” in “%(place)s” failed."),
    "invitation.created": gettext_lazy("%(by)s invites you to “%(place)s” as %(role)s."),
    "member.joined": gettext_lazy("%(by)s joined “%(place)s” by your invitation, as %(role)s."),
    "link.created": gettext_lazy("%(by)s made a share link to “%(about)s” of “%(place)s”."),
    "model.shown_to": gettext_lazy("%(by)s lets everyone here see the model “%(about)s” of “%(place)s”."),
    "project.moved": gettext_lazy("%(by)s moved the project “%(about)s” to your team “%(place)s”."),
}
"""By the action of the deed."""

ICONS: Mapping[str, str] = {
    "run.finished": "check-circle",
    "run.failed": "warning",
    "invitation.created": "mail",
    "member.joined": "members",
    "link.created": "share",
    "model.shown_to": "share",
    "project.moved": "arrow-right",
}


def sentence(notice: Notice) -> str:
    """What is told. Its `entry` and that one's `user` are asked for."""
    role = Role(notice.about).label if notice.about in Role.values else ""
    values = {"about": notice.about, "place": notice.place, "role": role, "by": notice.entry.user or _("Somebody")}
    return str(SENTENCES[notice.entry.action]) % values


def icon_of(notice: Notice) -> str:
    return ICONS[notice.entry.action]
