"""One's own pages: profile, access tokens, language and theme, and the one-time sign-in link."""

from __future__ import annotations

from uuid import UUID

from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables

from nlpstudio.accounts import services
from nlpstudio.accounts.forms import PreferencesForm, ProfileForm, TokenForm
from nlpstudio.accounts.models import ApiToken, Scope
from nlpstudio.core.htmx import HtmxRequest, go_to, render_page
from nlpstudio.core.policy import Policy, policy

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
A_YEAR = 365 * 86_400


@policy(Policy.SIGNED_IN, "GET", "POST")
def profile(request: HtmxRequest) -> HttpResponse:
    me = request.user
    form = ProfileForm(request.POST or None, initial={"name": me.name, "language": me.language, "theme": me.theme})
    if request.method == "POST" and form.is_valid():
        services.change_profile(me, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return go_to(request, "accounts:profile")
    status = 422 if form.errors else 200
    return render_page(request, "accounts/profile.html", {"form": form}, partial="form", status=status)


@policy(Policy.SIGNED_IN, "GET", "POST")
@never_cache
@sensitive_variables("plain")
def tokens(request: HtmxRequest) -> HttpResponse:
    """The user's tokens. A new one is shown in the answer to its form and nowhere else, so it is not a redirect."""
    names = {
        "projects": import_string(settings.TOKEN_PROJECTS)(request.user),
        "models": import_string(settings.TOKEN_MODELS)(request.user),
    }
    form, plain, made = TokenForm(request.POST or None, **names), "", None
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        made, plain = services.create_token(
            request.user,
            wanted["name"],
            form.expires_at(),
            scope=wanted["scope"] or Scope.ALL,
            project_id=form.project_chosen(),
            model=form.model_chosen(),
            per_minute=wanted["per_minute"],
        )
        form = TokenForm(**names)
    mine = ApiToken.objects.filter(user=request.user, revoked_at__isnull=True)
    context = {"form": form, "tokens": mine, "plain": plain, "made": made}
    return render(request, "accounts/tokens.html", context, status=422 if form.errors else 200)


@policy(Policy.SIGNED_IN, "POST")
def revoke_token(request: HtmxRequest, token_id: UUID) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=token_id, user=request.user)
    services.revoke_token(token, by=request.user)
    messages.success(request, _("“%(name)s” is revoked. It opens nothing any more.") % {"name": token.name})
    return go_to(request, "accounts:tokens")


@policy(Policy.PUBLIC, "POST")
def preferences(request: HtmxRequest) -> HttpResponse:
    """Take the language or theme chosen in the top bar, for this browser and for the user if there is one."""
    form = PreferencesForm(request.POST)
    wanted = form.cleaned_data if form.is_valid() else {}
    language, theme = wanted.get("language"), wanted.get("theme")
    response = HttpResponseRedirect(_safe(request, request.POST.get("next", "")))
    if language:
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=A_YEAR, samesite="Lax")
    if theme:
        response.set_cookie("theme", theme, max_age=A_YEAR, samesite="Lax")
    if request.user.is_authenticated:
        chosen = None if not theme else theme.removeprefix("system")
        services.set_preferences(request.user, language=language or None, theme=chosen)
    return response


@policy(Policy.LINK)
@never_cache
@sensitive_variables("secret")
def link(request: HtmxRequest, secret: str) -> HttpResponse:
    """Sign in by a one-time link, which stands for the password. A used or old one says so and where to go."""
    user = services.use_sign_in_link(secret)
    if user is None:
        return render(request, "accounts/link_gone.html", {}, status=410)
    logout(request)
    return perform_login(request, user)  # type: ignore[no-any-return]  # a second factor is asked for by a page


def _safe(request: HtmxRequest, url: str) -> str:
    """Where to go next: only to a page of ours."""
    ours = url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())
    return url if ours else "/"
