"""Pages of a project's people: members, invitations, and what they did."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from nlpstudio.accounts.forms import JoinForm
from nlpstudio.accounts.models import AuditEntry
from nlpstudio.accounts.views import BACKEND
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects import services
from nlpstudio.projects.access import project_for
from nlpstudio.projects.forms import InviteForm, RoleForm
from nlpstudio.projects.models import Invitation, Membership, Role


@policy(Policy.VIEWER)
def members(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    return _members_page(request, project_id, InviteForm())


@policy(Policy.OWNER, "POST")
@never_cache
@sensitive_variables("secret", "url")
def invite(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """Make a link. It is shown in this answer and nowhere else, so it is not a redirect."""
    project = project_for(request.user, project_id, Role.OWNER)
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _members_page(request, project_id, form, status=422)
    wanted = form.cleaned_data
    _invitation, secret = services.invite(
        project=project, role=Role(wanted["role"]), days=wanted["days"], by=request.user
    )
    url = request.build_absolute_uri(reverse("projects:invitation", args=[secret]))
    return _members_page(
        request, project_id, InviteForm(), invitation_url=url, invited_role=str(Role(wanted["role"]).label)
    )


@policy(Policy.OWNER, "POST")
def set_role(request: HtmxRequest, project_id: UUID, membership_id: int) -> HttpResponse:
    project = project_for(request.user, project_id, Role.OWNER)
    membership = get_object_or_404(project.memberships.select_related("user"), pk=membership_id)
    form = RoleForm(request.POST)
    if form.is_valid():
        try:
            services.set_role(membership=membership, role=Role(form.cleaned_data["role"]), by=request.user)
        except StudioError as error:
            messages.error(request, f"{error.message} {error.hint}")
        else:
            words = _("%(name)s is now %(role)s.")
            messages.success(request, words % {"name": membership.user, "role": membership.get_role_display()})
    return go_to(request, "projects:members", project.pk)


@policy(Policy.OWNER, "POST")
def remove(request: HtmxRequest, project_id: UUID, membership_id: int) -> HttpResponse:
    project = project_for(request.user, project_id, Role.OWNER)
    membership = get_object_or_404(project.memberships.select_related("user"), pk=membership_id)
    _remove(request, membership, _("%(name)s is no longer in the project.") % {"name": membership.user})
    gone = membership.user == request.user and not project.memberships.filter(user=request.user).exists()
    return go_to(request, "home") if gone else go_to(request, "projects:members", project.pk)


@policy(Policy.VIEWER, "POST")
def leave(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id)
    membership = project.memberships.select_related("user").get(user=request.user)
    left = _remove(request, membership, _("You left “%(name)s”.") % {"name": project.name})
    return go_to(request, "home") if left else go_to(request, "projects:members", project.pk)


@policy(Policy.OWNER, "POST")
def revoke_invitation(request: HtmxRequest, project_id: UUID, invitation_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.OWNER)
    invitation = get_object_or_404(Invitation, pk=invitation_id, project=project)
    services.revoke_invitation(invitation=invitation, by=request.user)
    messages.success(request, _("The invitation is revoked."))
    return go_to(request, "projects:members", project.pk)


@policy(Policy.VIEWER)
def activity(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id)
    entries = AuditEntry.objects.filter(project_id=project.pk).select_related("user")
    page = page_of(entries, request.GET.get("page"), per_page=50)
    context = {"project": project, "section": "activity", "page": page}
    return render_page(request, "projects/activity.html", context, partial="entries")


@policy(Policy.LINK, "GET", "POST")
@never_cache
@sensitive_variables("secret")
@sensitive_post_parameters("password")
def invitation(request: HtmxRequest, secret: str) -> HttpResponse:
    """Join by a link: with a button when signed in, else with a new account."""
    found = services.invitation_of(secret)
    if found is None:
        return render(request, "projects/invitation_gone.html", {}, status=410)
    form = None if _is_signed_in(request) else JoinForm(request.POST or None)
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            if form is None:
                services.accept(invitation=found, user=request.user)
            else:
                user = services.join_with_new_account(invitation=found, **form.cleaned_data)
                login(request, user, backend=BACKEND)
        except services.InvitationGone:
            return render(request, "projects/invitation_gone.html", {}, status=410)
        return go_to(request, "projects:detail", found.project_id)
    status = 422 if form is not None and form.errors else 200
    return render(request, "projects/invitation.html", {"invitation": found, "form": form}, status=status)


def _is_signed_in(request: HttpRequest) -> bool:
    """Asked of a plain request: an `HtmxRequest` promises a user."""
    return request.user.is_authenticated


def _remove(request: HtmxRequest, membership: Membership, words: str) -> bool:
    """Take the member out and say so, or say why not."""
    try:
        services.remove_member(membership=membership, by=request.user)
    except StudioError as error:
        messages.error(request, f"{error.message} {error.hint}")
        return False
    messages.success(request, words)
    return True


def _members_page(
    request: HtmxRequest, project_id: UUID, form: InviteForm, *, status: int = 200, **shown: str
) -> HttpResponse:
    project = project_for(request.user, project_id)
    context = {
        "project": project,
        "section": "members",
        "memberships": project.memberships.select_related("user").order_by("created_at"),
        "invitations": Invitation.objects.open().filter(project=project).select_related("created_by"),
        "roles": Role.choices,
        "form": form,
        **shown,
    }
    return render_page(request, "projects/members.html", context, status=status)
