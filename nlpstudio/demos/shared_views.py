"""The demo for whoever has a link, and the maintainer's way to make links and to end them."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from nlpstudio.core.errors import StudioError
from nlpstudio.core.htmx import HtmxRequest, go_to
from nlpstudio.core.policy import Policy, policy
from nlpstudio.demos import sharing, views
from nlpstudio.demos.kept import ShareLink
from nlpstudio.demos.link_forms import LinkForm
from nlpstudio.demos.seats import Seat
from nlpstudio.projects.models import Role
from nlpstudio.registry.access import model_for

EXPLAINING_COSTS = 5


@policy(Policy.LINK)
@never_cache
def demo(request: HtmxRequest, secret: str) -> HttpResponse:
    """The demo page of the link's version."""
    seat = _seat(secret)
    if seat is None:
        return _gone(request, secret)
    return _kept_private(_asked(request, seat) if views.asks(request, seat) else views.first_page(request, seat))


@policy(Policy.LINK, "POST")
@never_cache
def predict(request: HtmxRequest, secret: str) -> HttpResponse:
    seat = _seat(secret)
    return _kept_private(_asked(request, seat)) if seat else _gone(request, secret)


@policy(Policy.LINK)
@never_cache
def state(request: HtmxRequest, secret: str) -> HttpResponse:
    seat = _seat(secret)
    return _kept_private(views.state_of(request, seat)) if seat else _gone(request, secret)


@policy(Policy.LINK, "POST")
@never_cache
def explain(request: HtmxRequest, secret: str) -> HttpResponse:
    seat = _seat(secret)
    if seat is None or seat.link is None:
        return _gone(request, secret)
    try:
        sharing.count_use(seat.link, _address(request), cost=EXPLAINING_COSTS)
    except StudioError as error:
        return _kept_private(views.unexplained_page(request, seat, error))
    return _kept_private(views.explain_page(request, seat))


@policy(Policy.MAINTAINER, "POST")
def create(request: HtmxRequest, model_id: UUID) -> HttpResponse:
    """Make a link to one version of the model."""
    model = model_for(request.user, model_id, Role.MAINTAINER)
    form = LinkForm(request.POST, model=model)
    if not form.is_valid():
        messages.error(request, _("Choose a version and how long the link is good."))
        return go_to(request, "registry:model", model.pk)
    wanted = form.cleaned_data
    sharing.share(version=wanted["version"], days=wanted["days"], note=wanted["note"], by=request.user)
    messages.success(request, _("The link is made. Copy it from the list."))
    return go_to(request, "registry:model", model.pk)


@policy(Policy.MAINTAINER, "POST")
def revoke(request: HtmxRequest, model_id: UUID, link_id: UUID) -> HttpResponse:
    """End a link at once."""
    model = model_for(request.user, model_id, Role.MAINTAINER)
    link = get_object_or_404(ShareLink.objects.select_related("version__model"), pk=link_id, version__model=model)
    sharing.revoke(link=link, by=request.user)
    messages.success(request, _("The link is revoked: it opens nothing any more."))
    return go_to(request, "registry:model", model.pk)


def _seat(secret: str) -> Seat | None:
    """Asked of the database at each request, so that a revoked link is dead for open pages too."""
    link = sharing.link_of(secret)
    return Seat(version=link.version, link=link) if link else None


def _asked(request: HtmxRequest, seat: Seat) -> HttpResponse:
    """The answer, counted; words when the link is used too often."""
    form = views.form_of(seat.version, request.POST or request.GET)
    assert seat.link is not None, "a seat with a link"
    try:
        sharing.count_use(seat.link, _address(request))
    except StudioError as error:
        return views.trouble_page(request, seat, form, error)
    return views.answer_page(request, seat, form)


def _gone(request: HtmxRequest, secret: str) -> HttpResponse:
    """410 in words. A page that is still open is sent to it, for htmx would not show it in the answer's place."""
    if request.htmx:
        return go_to(request, "demos:shared", secret)
    return _kept_private(render(request, "demos/link_gone.html", {}, status=410))


def _kept_private(response: HttpResponse) -> HttpResponse:
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _address(request: HtmxRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
