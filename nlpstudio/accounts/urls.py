"""Addresses of accounts: our own pages, and those of allauth that we use, each with its policy."""

from __future__ import annotations

from allauth.account import views as allauth
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.cache import never_cache

from nlpstudio.accounts import sign_on_views, views
from nlpstudio.accounts.two_factor import needs_it
from nlpstudio.core.policy import Policy, policy

public = policy(Policy.PUBLIC, "GET", "POST")
shown = policy(Policy.PUBLIC)
holder = policy(Policy.LINK, "GET", "POST")
signed_in = policy(Policy.SIGNED_IN, "GET", "POST")

own = [
    path("profile/", views.profile, name="profile"),
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", views.revoke_token, name="revoke_token"),
    path("preferences/", views.preferences, name="preferences"),
    path("link/<str:secret>/", views.link, name="link"),
]

# allauth finds its own pages by these names.
sign_in = [
    path("login/", public(allauth.login), name="account_login"),
    path("logout/", public(allauth.logout), name="account_logout"),
    path("signup/", public(allauth.signup), name="account_signup"),
    path("inactive/", shown(allauth.account_inactive), name="account_inactive"),
    path("password/change/", signed_in(allauth.password_change), name="account_change_password"),
    path("password/set/", signed_in(allauth.password_set), name="account_set_password"),
    path("password/reset/", public(allauth.password_reset), name="account_reset_password"),
    path("password/reset/done/", shown(allauth.password_reset_done), name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        holder(allauth.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        shown(allauth.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    path("reauthenticate/", signed_in(allauth.reauthenticate), name="account_reauthenticate"),
]

single_sign_on = [
    path("single-sign-on/", sign_on_views.begin, name="single_sign_on"),
    path("single-sign-on/callback/", sign_on_views.callback, name="single_sign_on_callback"),
]

two_factor = [
    path("two-factor/code/", public(mfa.authenticate), name="mfa_authenticate"),
    path("two-factor/code-again/", signed_in(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("security/", policy(Policy.SIGNED_IN)(never_cache(mfa.index)), name="mfa_index"),
    path("two-factor/on/", signed_in(never_cache(totp.activate_totp)), name="mfa_activate_totp"),
    path("two-factor/off/", signed_in(needs_it(totp.deactivate_totp)), name="mfa_deactivate_totp"),
    path(
        "two-factor/recovery-codes/",
        policy(Policy.SIGNED_IN)(never_cache(needs_it(recovery.view_recovery_codes))),
        name="mfa_view_recovery_codes",
    ),
    path(
        "two-factor/recovery-codes/new/",
        signed_in(never_cache(needs_it(recovery.generate_recovery_codes))),
        name="mfa_generate_recovery_codes",
    ),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *sign_in,
    *single_sign_on,
    *two_factor,
    path("", include((own, "accounts"))),
]
