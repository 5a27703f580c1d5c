"""The page of base models: what there is, what is on this machine, and fetching the rest."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.htmx import HtmxRequest, go_to, render_page, wants_fragment
from nlpstudio.core.policy import Policy, policy
from nlpstudio.engine import shelf
from nlpstudio.engine.errors import BaseModelMissing
from nlpstudio.registry import base_models


@policy(Policy.SIGNED_IN)
def index(request: HtmxRequest) -> HttpResponse:
    """The shelf. While something is being fetched the table asks again every two seconds."""
    return _page(request)


@policy(Policy.SIGNED_IN)
def hub(request: HtmxRequest) -> HttpResponse:
    """Whether the Hub answers, asked after the page is there because it may take two seconds."""
    context = {"reachable": base_models.hub_is_reachable()}
    return render_page(request, "registry/_hub.html", context)


@policy(Policy.SIGNED_IN, "POST")
def fetch(request: HtmxRequest) -> HttpResponse:
    """Order a base model. Admins, and editors of any project."""
    try:
        base_models.order(model_id=request.POST.get("id", ""), by=request.user)
    except BaseModelMissing as error:
        raise Http404 from error
    if wants_fragment(request):
        return _page(request)
    messages.success(request, _("The base model is being fetched."))
    return go_to(request, "registry:base_models")


def _page(request: HtmxRequest) -> HttpResponse:
    models = base_models.on_shelf()
    context = {
        "models": models,
        "under_way": any(each.is_under_way for each in models),
        "may_fetch": base_models.may_fetch(request.user),
        "refused": [(folder.name, error.message) for folder, error in shelf.refused_folders().items()],
    }
    return render_page(request, "registry/base_models.html", context, partial="shelf")
