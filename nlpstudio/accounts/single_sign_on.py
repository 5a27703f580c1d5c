"""Signing in by the OpenID Connect provider that the administrator named: whom it may let in, and as whom."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.module_loading import import_string
from requests import RequestException

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User

log = logging.getLogger(__name__)
SPOKEN = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
"""What a provider must tell of itself."""


@contextmanager
def _understanding() -> Iterator[None]:
    """The library trips over an answer that lacks something or is no JSON object: that is the provider's fault."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OAuth2Error(f"The provider's answer is not understood ({type(error).__name__}: {error})") from error


class Handshake(OpenIDConnectOAuth2Adapter):
    """What the studio and the provider say to each other, checked more strictly than the library does.

    The signature of the identity is verified although it comes straight from the provider, both of its sources must
    speak of one person, and only a plain yes counts as a verified e-mail. Of all that nothing but the person's id at
    the provider is kept.
    """

    @property
    def openid_config(self) -> dict[str, Any]:
        with _understanding():
            config: dict[str, Any] = super().openid_config
            return config | {name: str(config[name]) for name in SPOKEN}

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return request.build_absolute_uri(reverse("single_sign_on_callback"))

    def get_access_token_data(self, *args: Any, **options: Any) -> dict[str, Any]:
        with _understanding():
            data = super().get_access_token_data(*args, **options)
            self.did_fetch_access_token = False  # else the library takes the identity without its signature
            return {name: data[name] for name in ("access_token", "id_token")}

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **options: Any) -> SocialLogin:
        with _understanding():
            found = super().complete_login(request, app, token, **options)
            said = found.account.extra_data
            if said["id_token"]["sub"] != said["userinfo"]["sub"]:
                raise OAuth2Error("The identity and the user information are not of one person.")
            is_verified = said["userinfo"].get("email_verified") in (True, "true")  # some providers send words
        for address in found.email_addresses:
            address.verified = is_verified
        found.account.extra_data = {}
        return found


class Provider(OpenIDConnectProvider):
    """The library's, which speaks by the handshake above."""

    oauth2_adapter_class = Handshake


class SingleSignOn(DefaultSocialAccountAdapter):
    """Who comes in: whoever was here so before, whose verified e-mail has an account, and who may have a new one."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        sociallogin.token = None  # it would lie in the session while the second factor is asked for
        if sociallogin.is_existing and not sociallogin.user.is_active:
            raise ImmediateHttpResponse(redirect("account_inactive"))

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """As the library; but who is known to the provider as somebody else is not whoever has their e-mail now."""
        found: tuple[User, str] | None = super().authenticate_by_email(sociallogin)
        return None if found and _is_connected(found[0], sociallogin) else found

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        email = next((each.email for each in sociallogin.email_addresses if each.verified), "")
        if not email:
            raise ImmediateHttpResponse(refusal(request, "unverified", 403))
        if User.objects.filter(email__iexact=email).exists():
            raise ImmediateHttpResponse(refusal(request, "taken", 403, email=email))
        invitation = import_string(settings.SIGN_ON_INVITATION)(email, sociallogin.state.get("next") or "")
        if not (invitation or settings.SIGN_ON_ANYONE):
            raise ImmediateHttpResponse(refusal(request, "uninvited", 403, email=email))
        if invitation:
            sociallogin.state["next"] = invitation
        return True

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = sociallogin.user
        user.email = str(data.get("email") or "").lower()
        user.name = str(data.get("name") or user.email.partition("@")[0])[:120]
        return user

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        record(user, "user.created", user, way="single sign-on")
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, **what: Any) -> None:
        """Every failure is a page of ours; the library's own would not say what to do."""
        raise ImmediateHttpResponse(failure(request, what.get("exception"), what.get("error")))


def failure(request: HttpRequest, error: Exception | None = None, code: str | None = None) -> HttpResponse:
    """The page that says why nobody was signed in; what the provider did wrong stands in the log."""
    if code == AuthError.CANCELLED:
        return refusal(request, "cancelled", 403)
    if error is not None:
        log.warning("Single sign-on failed: %r, because of %r", error, error.__cause__)
    is_away = isinstance(error, RequestException)
    return refusal(request, "away", 503) if is_away else refusal(request, "failed", 401)


def refusal(request: HttpRequest, why: str, status: int, **more: str) -> HttpResponse:
    context = {"why": why, "provider": settings.SIGN_ON_NAME, **more}
    return render(request, "accounts/sign_on_refused.html", context, status=status)


def _is_connected(user: User, sociallogin: SocialLogin) -> bool:
    return bool(SocialAccount.objects.filter(user=user, provider=sociallogin.account.provider).exists())
