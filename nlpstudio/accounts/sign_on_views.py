"""The way to the provider of single sign-on and back."""

from __future__ import annotations

from allauth.account.utils import get_next_redirect_url
from allauth.decorators import rate_limit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base import AuthProcess, Provider
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from requests import RequestException

from nlpstudio.accounts.single_sign_on import Handshake, failure
from nlpstudio.core.policy import Policy, policy

FAULTS = (RequestException, OAuth2Error)


@policy(Policy.PUBLIC, "POST")
@never_cache
@rate_limit(action="login")  # type: ignore[untyped-decorator]  # of the library
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser on to the provider. It goes by a page: a form that is redirected elsewhere, the CSP stops."""
    provider = _provider(request)
    try:
        there = provider.redirect(request, process=AuthProcess.LOGIN, next_url=get_next_redirect_url(request)).url
    except FAULTS as error:
        return failure(request, error)
    response = render(request, "accounts/sign_on.html", {"provider": provider.name, "there": there})
    response["Refresh"] = f"0; url={there}"
    return response


@policy(Policy.PUBLIC)
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """Where the provider sends the browser back to, with a code that we exchange for who it is."""
    handshake = Handshake(request, _provider(request).app.provider_id)
    try:
        return OAuth2CallbackView.adapter_view(handshake)(request)  # type: ignore[no-any-return]  # of the library
    except FAULTS as error:
        return failure(request, error)


def _provider(request: HttpRequest) -> Provider:
    """The one that is configured. Raises `Http404` without one."""
    try:
        return get_adapter(request).get_provider(request, provider="openid_connect")
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
