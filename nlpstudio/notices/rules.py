"""Who is told of which deed: one rule an action of the audit log, and the events that webhooks may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.demos.models import ShareLink
from nlpstudio.notices.models import Kind
from nlpstudio.projects.access import role_in
from nlpstudio.projects.audience import people_of
from nlpstudio.projects.models import Invitation, Membership, Project, Role, TeamMembership
from nlpstudio.registry.models import Model as LanguageModel
from nlpstudio.registry.models import Visibility
from nlpstudio.runs.models import Run

EVENTS: Mapping[str, Any] = {
    "run.finished": _("a run finished"),
    "run.failed": _("a run failed"),
    "model.shared": _("a model was shared by a link, or shown to everyone here"),
    "member.invited": _("somebody was invited"),
    "member.joined": _("somebody joined"),
}
"""What a webhook may be told of, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What follows from a deed: whom to tell and of what, and the event for the project's webhooks, if it is one."""

    kind: str = ""
    people: Iterable[UUID] = ()
    about: str = ""
    place: str = ""
    url: str = ""
    event: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def _run(entry: AuditEntry, run: Run) -> Telling:
    """Whoever started it, while they are in its project."""
    starter = run.created_by
    is_in = starter is not None and starter.is_active and role_in(starter, run.project_id) is not None
    error = {"code": run.error_code, "message": run.error_message, "hint": run.error_hint} if run.error_code else None
    return Telling(
        kind=Kind.RUN_FINISHED if entry.action == "run.finished" else Kind.RUN_FAILED,
        people=[starter.pk] if starter is not None and is_in else [],
        about=run.name,
        place=run.project.name,
        url=reverse("runs:detail", args=[run.pk]),
        event=entry.action,
        data={"metrics": run.metrics, "metrics_split": run.metrics_split, "error": error},
    )


def _invitation(entry: AuditEntry, invitation: Invitation) -> Telling:
    """Whoever has the e-mail it was made for. The page to accept it is found by the invitation itself."""
    invited = User.objects.filter(email__iexact=invitation.email, is_active=True) if invitation.email else []
    return Telling(
        kind=Kind.INVITED,
        people=[user.pk for user in invited],
        about=str(Role(invitation.role).value),
        place=str(invitation.place),
        event="member.invited",
        data={"role": invitation.role, "place": str(invitation.place)},
    )


def _joined(entry: AuditEntry, membership: Membership | TeamMembership) -> Telling:
    """Whoever had invited them."""
    invitation = Invitation.objects.filter(pk=entry.details.get("invitation")).select_related("created_by").first()
    inviter = invitation.created_by if invitation else None
    place = membership.team if isinstance(membership, TeamMembership) else membership.project
    page = "projects:team" if isinstance(membership, TeamMembership) else "projects:members"
    return Telling(
        kind=Kind.INVITED,
        people=[inviter.pk] if inviter is not None and inviter.is_active else [],
        about=membership.role,
        place=place.name,
        url=reverse(page, args=[place.pk]),
        event="member.joined",
        data={"role": membership.role, "place": place.name},
    )


def _keepers(project: Project) -> list[UUID]:
    """Those who look after what leaves the project: its maintainers and owners, of the team too."""
    ranks = [Role.MAINTAINER, Role.OWNER]
    own = Membership.objects.filter(project=project, role__in=ranks, user__is_active=True).values_list("user_id")
    by_team = TeamMembership.objects.filter(team=project.team_id, role__in=ranks, user__is_active=True)
    return [user_id for (user_id,) in own.union(by_team.values_list("user_id"))]


def _link(entry: AuditEntry, link: ShareLink) -> Telling:
    model = link.version.model
    return Telling(
        kind=Kind.SHARED,
        people=_keepers(model.project),
        about=str(link.version),
        place=model.project.name,
        url=reverse("registry:version", args=[link.version_id]),
        event="model.shared",
        data={"how": "link", "version": str(link.version_id), "note": link.note},
    )


def _shown(entry: AuditEntry, model: LanguageModel) -> Telling:
    if entry.details.get("after") != Visibility.EVERYONE:
        return Telling()
    return Telling(
        kind=Kind.SHARED,
        people=_keepers(model.project),
        about=model.name,
        place=model.project.name,
        url=reverse("registry:model", args=[model.pk]),
        event="model.shared",
        data={"how": "everyone"},
    )


def _moved(entry: AuditEntry, project: Project) -> Telling:
    """Those of the team that the project has come to."""
    return Telling(
        kind=Kind.SHARED,
        people=people_of(project.team).filter(is_active=True).values_list("pk", flat=True),
        about=project.name,
        place=project.team.name,
        url=reverse("projects:detail", args=[project.pk]),
    )


RULES: Mapping[str, Callable[[AuditEntry, Any], Telling]] = {
    "run.finished": _run,
    "run.failed": _run,
    "invitation.created": _invitation,
    "member.joined": _joined,
    "link.created": _link,
    "model.shown_to": _shown,
    "project.moved": _moved,
}


def telling_of(entry: AuditEntry, subject: Model) -> Telling:
    """What follows from the deed; nothing from most."""
    rule = RULES.get(entry.action)
    return rule(entry, subject) if rule else Telling()
