"""What the pages of a project's people and of a team's people share: the table, the forms, and what they answer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest
from nlpstudio.projects import people
from nlpstudio.projects.forms import InviteForm, RoleForm
from nlpstudio.projects.models import Invitation, Project, Role, Team
from nlpstudio.projects.people import AnyMembership, own_role

VIEWS = ("set_role", "remove", "leave", "invite", "revoke_invitation")


def context_of(place: Project | Team, form: InviteForm | None = None, **shown: Any) -> dict[str, Any]:
    """What `projects/_people.html` needs."""
    prefix = "projects:team_" if isinstance(place, Team) else "projects:"
    roles = place.my_role.up_to if place.my_role else []
    return {
        "place": place,
        "is_team": isinstance(place, Team),
        "views": {name: prefix + name for name in VIEWS},
        "memberships": [
            _with_power(each, place) for each in place.memberships.select_related("user").order_by("created_at")
        ],
        "invitations": Invitation.objects.open().filter(**_at(place)).select_related("created_by"),
        "roles": [(role.value, role.label) for role in roles],
        "invite_form": form or InviteForm(roles=roles),
        **shown,
    }


def _with_power(membership: AnyMembership, place: Project | Team) -> AnyMembership:
    """`is_mine_to_change`: whether the asking user may change or remove this member."""
    own = place.my_role
    is_enough = own is not None and own.rank >= Role(membership.role).rank and place.is_maintained
    membership.is_mine_to_change = is_enough  # type: ignore[union-attr]  # for the template
    return membership


def _at(place: Project | Team) -> dict[str, Any]:
    return {"team": place} if isinstance(place, Team) else {"project": place}


def answer_invite(request: HtmxRequest, place: Project | Team) -> tuple[dict[str, Any], int]:
    """Make a link. It is shown in this answer and nowhere else, so it is not a redirect. The context and the status."""
    form = InviteForm(request.POST, roles=place.my_role.up_to if place.my_role else [])
    if not form.is_valid():
        return context_of(place, form), 422
    role = Role(form.cleaned_data["role"])
    wanted = form.cleaned_data
    _invitation, secret = people.invite(
        to=place, role=role, days=wanted["days"], email=wanted["email"], by=request.user
    )
    url = request.build_absolute_uri(reverse("projects:invitation", args=[secret]))
    return context_of(place, invitation_url=url, invited_role=str(role.label), invited_email=wanted["email"]), 200


def answer_set_role(request: HtmxRequest, place: Project | Team, membership_id: int) -> None:
    """Give the role and say so, or say why not. Raises `Http404` for somebody who is not in it."""
    membership = membership_in(place, membership_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return
    try:
        people.set_role(membership=membership, role=Role(form.cleaned_data["role"]), by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
    else:
        words = _("%(name)s is now %(role)s.")
        messages.success(request, words % {"name": membership.user, "role": membership.get_role_display()})


def answer_remove(request: HtmxRequest, place: Project | Team, membership: AnyMembership) -> bool:
    """Take the member out and say so, or say why not. Whether the asking user can still see the place."""
    is_own = membership.user == request.user
    try:
        people.remove_member(membership=membership, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
        return True
    words = _("You left “%(place)s”.") if is_own else _("%(name)s is no longer in “%(place)s”.")
    messages.success(request, words % {"name": membership.user, "place": place})
    return not is_own or own_role(request.user, place) is not None


def answer_revoke(request: HtmxRequest, place: Project | Team, invitation_id: object) -> None:
    """Revoke an open invitation. Raises `Http404` for one that leads elsewhere."""
    invitation = get_object_or_404(Invitation, pk=invitation_id, **_at(place))
    people.revoke_invitation(invitation=invitation, by=request.user)
    messages.success(request, _("The invitation is revoked."))


def membership_in(place: Project | Team, membership_id: int) -> AnyMembership:
    """Raises `Http404` for somebody who is not in it."""
    if isinstance(place, Team):
        return get_object_or_404(place.memberships.select_related("user"), pk=membership_id)
    return get_object_or_404(place.memberships.select_related("user"), pk=membership_id)
