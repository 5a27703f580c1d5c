"""The second factor as allauth's pages ask for it: how its secrets are kept, drawn and asked for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar

import qrcode
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base import forms as asking
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from qrcode.constants import ERROR_CORRECT_M

from nlpstudio.accounts.audit import record
from nlpstudio.accounts.models import User
from nlpstudio.accounts.sealing import SealBroken, seal, unseal


class TwoFactor(DefaultMFAAdapter):
    """Secrets are sealed in the database; the QR code is drawn as markup, which needs no image and no script."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": gettext_lazy("This code is not right, or was used already. Wait for the next one."),
        "cannot_generate_recovery_codes": gettext_lazy("Switch two-factor sign-in on first."),
    }

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)

    def build_totp_svg(self, url: str) -> str:
        """The address as an inline SVG of one path; dark on light in both themes, as readers expect."""
        code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=4)
        code.add_data(url)
        rows = code.get_matrix()
        path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
        words = _("QR code for the authenticator app")
        markup = '<svg class="qr" viewBox="0 0 {size} {size}" role="img" aria-label="{words}"><path d="{path}"/></svg>'
        return format_html(markup, size=len(rows), words=words, path=path)


class _Code(forms.Form):
    """One field for digits. Codes that cannot be read any more, because SECRET_KEY is another, say what to do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.widget.attrs = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}
        field.label = gettext_lazy("Code")

    def clean_code(self) -> str:
        try:
            return super().clean_code()  # type: ignore[misc,no-any-return]  # of allauth's form beside this one
        except SealBroken as error:
            words = _("Your second factor cannot be read any more. Ask an administrator to reset it.")
            raise forms.ValidationError(words) from error


class ActivateForm(_Code, ActivateTOTPForm):
    """Switches it on with a code of the app."""


class _AnyCode(_Code):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = _("Six digits from your authenticator app, or one of your recovery codes.")


class AuthenticateForm(_AnyCode, asking.AuthenticateForm):
    """Signs in with a code, after the password."""


class ReauthenticateForm(_AnyCode, asking.ReauthenticateForm):
    """Asks once more, of somebody who has no password."""


def is_on(user: User) -> bool:
    """Whether the user is asked for a second factor at sign-in."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def needs_it(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page that is about a second factor sends those without one to where they can switch it on."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        has_it = isinstance(request.user, User) and is_on(request.user)
        return view(request, *args, **kwargs) if has_it else redirect("mfa_index")

    return guarded


@transaction.atomic
def reset(person: User, *, by: User | None) -> bool:
    """Switch it off for somebody who lost their device; whether it was on."""
    removed, _rows = Authenticator.objects.filter(user=person).delete()
    if removed:
        record(by, "two_factor.reset", person)
    return bool(removed)
