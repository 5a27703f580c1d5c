"""Pages of a project's people: members and invitations, and the link that lets somebody in."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from nlpstudio.accounts.forms import JoinForm
from nlpstudio.accounts.services import EmailTaken
from nlpstudio.accounts.views import BACKEND
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy
from nlpstudio.projects import people, people_pages
from nlpstudio.projects.access import project_for
from nlpstudio.projects.models import Project, Role


def _page(request: HtmxRequest, project: Project, context: dict[str, object], status: int = 200) -> HttpResponse:
    by_team = project.team.memberships.select_related("user").order_by("created_at")
    page = {"project": project, "section": "members", "by_team": by_team, **context}
    return render_page(request, "projects/members.html", page, status=status)


@policy(Policy.VIEWER)
def members(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id)
    return _page(request, project, people_pages.context_of(project))


@policy(Policy.MAINTAINER, "POST")
@never_cache
@sensitive_variables("context")
def invite(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.MAINTAINER)
    context, status = people_pages.answer_invite(request, project)
    return _page(request, project, context, status)


@policy(Policy.MAINTAINER, "POST")
def set_role(request: HtmxRequest, project_id: UUID, membership_id: int) -> HttpResponse:
    project = project_for(request.user, project_id, Role.MAINTAINER)
    people_pages.answer_set_role(request, project, membership_id)
    return go_to(request, "projects:members", project.pk)


@policy(Policy.MAINTAINER, "POST")
def remove(request: HtmxRequest, project_id: UUID, membership_id: int) -> HttpResponse:
    project = project_for(request.user, project_id, Role.MAINTAINER)
    stays = people_pages.answer_remove(request, project, people_pages.membership_in(project, membership_id))
    return go_to(request, "projects:members", project.pk) if stays else go_to(request, "home")


@policy(Policy.VIEWER, "POST")
def leave(request: HtmxRequest, project_id: UUID) -> HttpResponse:
    """Somebody who is here only by their team has nothing to leave here."""
    project = project_for(request.user, project_id)
    own = project.memberships.select_related("user").filter(user=request.user).first()
    if own is not None and not people_pages.answer_remove(request, project, own):
        return go_to(request, "home")
    return go_to(request, "projects:members", project.pk)


@policy(Policy.MAINTAINER, "POST")
def revoke_invitation(request: HtmxRequest, project_id: UUID, invitation_id: UUID) -> HttpResponse:
    project = project_for(request.user, project_id, Role.MAINTAINER)
    people_pages.answer_revoke(request, project, invitation_id)
    return go_to(request, "projects:members", project.pk)


@policy(Policy.LINK, "GET", "POST")
@never_cache
@sensitive_variables("secret")
@sensitive_post_parameters("password")
def invitation(request: HtmxRequest, secret: str) -> HttpResponse:
    """Join by a link: with a button when signed in, else with a new account."""
    found = people.invitation_of(secret)
    if found is None:
        return render(request, "projects/invitation_gone.html", {}, status=410)
    form = None if _is_signed_in(request) else JoinForm(request.POST or None)
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            if form is None:
                people.accept(invitation=found, user=request.user)
            else:
                user = people.join_with_new_account(invitation=found, **form.cleaned_data)
                login(request, user, backend=BACKEND)
        except people.InvitationGone:
            return render(request, "projects/invitation_gone.html", {}, status=410)
        except EmailTaken as error:
            assert form is not None  # only a new account has an e-mail to be taken
            form.add_error("email", error.message)
        else:
            return go_to(request, "projects:team" if found.team_id else "projects:detail", found.place.pk)
    status = 422 if form is not None and form.errors else 200
    return render(request, "projects/invitation.html", {"invitation": found, "form": form}, status=status)


def _is_signed_in(request: HttpRequest) -> bool:
    """Asked of a plain request: an `HtmxRequest` promises a user."""
    return request.user.is_authenticated
