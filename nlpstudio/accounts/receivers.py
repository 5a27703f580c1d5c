"""What the sign-in library tells of: written into the record of deeds, and the time somebody was last seen."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in as let_in
from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.signals import social_account_added
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext as _

from nlpstudio.accounts import people
from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import note_seen


@receiver(user_logged_in)
def signed_in(user: User, **_rest: Any) -> None:
    note_seen(user)


@receiver(social_account_added)
def connected(request: HttpRequest, sociallogin: SocialLogin, **_rest: Any) -> None:
    """The e-mail of an account that was there before. The library has taken its password away; we take the rest."""
    people.connect(person=sociallogin.user)
    words = _("Your account is connected with %(provider)s now. Its password, tokens and other sessions have ended.")
    messages.warning(request, words % {"provider": settings.SIGN_ON_NAME})


@receiver(let_in)
def signed_in_by_provider(user: User, sociallogin: SocialLogin | None = None, **_rest: Any) -> None:
    """Only once the second factor was given, if there is one."""
    if sociallogin is not None:
        record(user, "user.signed_in_by_provider", user)


@receiver(signals.authenticator_added)
def two_factor_on(user: User, authenticator: Authenticator, **_rest: Any) -> None:
    """Its recovery codes come with it and are no deed of their own."""
    if authenticator.type == Authenticator.Type.TOTP:
        record(user, "two_factor.on", user)


@receiver(signals.authenticator_removed)
def two_factor_off(user: User, authenticator: Authenticator, **_rest: Any) -> None:
    if authenticator.type == Authenticator.Type.TOTP:
        record(user, "two_factor.off", user)


@receiver(signals.authenticator_reset)
def recovery_codes_made(user: User, **_rest: Any) -> None:
    record(user, "two_factor.codes_made", user)


@receiver(signals.authenticator_used)
def recovery_code_used(user: User, authenticator: Authenticator, **_rest: Any) -> None:
    """Somebody signed in without the device: worth knowing when it was not them."""
    if authenticator.type == Authenticator.Type.RECOVERY_CODES:
        record(user, "two_factor.code_used", user)
