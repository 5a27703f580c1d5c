"""The pages about everybody who has an account, for the installation's administrators."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from nlpstudio.accounts import people
from nlpstudio.accounts.models import AuditEntry, User
from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.paging import page_of
from nlpstudio.core.policy import Policy, policy

LATEST = 20


@policy(Policy.ADMIN)
def index(request: HtmxRequest) -> HttpResponse:
    """Everybody, by name; `q` looks in names and e-mails."""
    asked = request.GET.get("q", "").strip()
    page = page_of(User.objects.for_people().matching(asked), request.GET.get("page"))
    context = {"page": page, "asked": asked}
    return render_page(request, "accounts/people.html", context, partial="people")


@policy(Policy.ADMIN)
def detail(request: HtmxRequest, user_id: UUID) -> HttpResponse:
    """One person: what is known of the account, what happened to it, what one can do."""
    person = get_object_or_404(User.objects.for_people(), pk=user_id)
    happened = AuditEntry.objects.filter(object_kind="user", object_id=str(person.pk)).select_related("user")[:LATEST]
    return render_page(request, "accounts/person.html", {"person": person, "happened": happened})


def _deed(do: Callable[..., None], words: Callable[[], str]) -> Callable[..., HttpResponse]:
    """The answer to a button: do it and say so, or say why not."""

    @policy(Policy.ADMIN, "POST")
    def answer(request: HtmxRequest, user_id: UUID) -> HttpResponse:
        person = get_object_or_404(User, pk=user_id)
        try:
            do(person=person, by=request.user)
        except StudioError as error:
            messages.error(request, f"{error.message} {error.hint}")
        else:
            messages.success(request, words() % {"name": person})
        return go_to(request, "people:detail", person.pk)

    return answer


close = _deed(people.close, lambda: _("The account of %(name)s is closed."))
open_again = _deed(people.open_again, lambda: _("%(name)s can sign in again."))
make_admin = _deed(people.make_admin, lambda: _("%(name)s is an administrator now."))
unmake_admin = _deed(people.unmake_admin, lambda: _("%(name)s is no longer an administrator."))
disconnect = _deed(people.disconnect, lambda: _("%(name)s is not known to the provider of single sign-on any more."))
reset_two_factor = _deed(people.reset_two_factor, lambda: _("%(name)s signs in without a second factor now."))
