"""How a view answers: a page, a part of it, or a move to another page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

    from nlpstudio.accounts.models import User  # typing only: core stays below accounts


class HtmxRequest(HttpRequest):
    """A request after django-htmx's middleware. `user` is signed in wherever a door was passed."""

    htmx: HtmxDetails
    user: User


def wants_fragment(request: HtmxRequest) -> bool:
    """True for an htmx swap; false for a page, a boosted link or a history restore."""
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def render_page(
    request: HtmxRequest, template: str, context: dict[str, Any], *, partial: str = "", status: int = 200
) -> HttpResponse:
    """Answer with the page, or with its `partial` when htmx asked for a part."""
    name = f"{template}#{partial}" if partial and wants_fragment(request) else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def go_to(request: HtmxRequest, view: str, *args: Any, **kwargs: Any) -> HttpResponse:
    """Move the browser on, whether it asked by htmx or by a plain form."""
    url = resolve_url(view, *args, **kwargs)
    return HttpResponseClientRedirect(url) if request.htmx else HttpResponseRedirect(url)
