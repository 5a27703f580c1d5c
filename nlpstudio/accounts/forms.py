"""The forms of one's own account, and the one that makes an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from nlpstudio.accounts import deeds
from nlpstudio.accounts.models import AuditQuerySet, Scope, User
from nlpstudio.accounts.services import EMAIL_TAKEN

THEMES = [("", _("As on this computer")), ("light", _("Light")), ("dark", _("Dark"))]
LIFETIMES = [("30", _("30 days")), ("90", _("90 days")), ("365", _("One year")), ("", _("No end"))]


class ProfileForm(forms.Form):
    """Name, language, theme."""

    name = forms.CharField(
        label=pgettext_lazy("of a person", "Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("As the browser asks")), ("en", "English"), ("zh-hans", "简体中文")],
    )
    theme = forms.ChoiceField(label=_("Theme"), required=False, choices=THEMES)


class TokenForm(forms.Form):
    """What a new token is for, what it may do, where and how often, and how long it lives.

    `projects` and `models` are (id, name): what its user may see, for a token writes into the log of its project.
    """

    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("What will use it, such as “nightly script”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label=_("May"), choices=Scope.choices, initial=Scope.ALL, required=False)
    project = forms.ChoiceField(label=pgettext_lazy("a place", "In"), required=False)
    days = forms.ChoiceField(label=_("Lives for"), choices=LIFETIMES, required=False, initial="90")

    model = forms.ChoiceField(label=_("Model"), required=False)
    per_minute = forms.IntegerField(
        label=_("Requests a minute"),
        required=False,
        min_value=1,
        max_value=1_000_000,
        help_text=_("At most. Empty: as the installation allows."),
    )

    def __init__(
        self,
        *args: Any,
        projects: Sequence[tuple[str, str]] = (),
        models: Sequence[tuple[str, str]] = (),
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._models = dict(models)
        self.fields["project"].choices = [("", _("All my projects")), *projects]  # type: ignore[attr-defined]  # as declared
        self.fields["model"].choices = [("", _("Every model")), *models]  # type: ignore[attr-defined]  # as declared

    def project_chosen(self) -> UUID | None:
        """The one project that the token opens, once the form is valid."""
        chosen = self.cleaned_data["project"]
        return UUID(chosen) if chosen else None

    def model_chosen(self) -> tuple[UUID, str] | None:
        """The one model that the token opens, once the form is valid."""
        chosen = self.cleaned_data["model"]
        return (UUID(chosen), self._models[chosen]) if chosen else None

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None


class AuditFilter(forms.Form):
    """Which deeds of a log: by whom, what, to what, and from which day to which."""

    who = forms.CharField(
        label=_("Who"), required=False, max_length=120, widget=forms.TextInput(attrs={"type": "search"})
    )
    what = forms.ChoiceField(label=_("What"), required=False)
    about = forms.CharField(
        label=_("Which"), required=False, max_length=200, widget=forms.TextInput(attrs={"type": "search"})
    )
    since = forms.DateField(label=_("From day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To day"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["what"].choices = [("", _("Everything")), *deeds.choices()]  # type: ignore[attr-defined]  # as declared

    def narrowed(self, entries: AuditQuerySet) -> AuditQuerySet:
        """The entries that fit. What cannot be understood is not asked."""
        asked = self.cleaned_data if self.is_valid() else {**dict.fromkeys(self.fields), **self.cleaned_data}
        words = {name: asked[name] or "" for name in ("who", "what", "about")}
        return entries.found(**words).between(asked["since"], asked["until"])

    @property
    def is_asking(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


class PreferencesForm(forms.Form):
    """The language and theme menus of the top bar. A theme of `system` follows the machine."""

    language = forms.ChoiceField(choices=settings.LANGUAGES, required=False)
    theme = forms.ChoiceField(choices=[("system", ""), ("light", ""), ("dark", "")], required=False)


class JoinForm(forms.Form):
    """Makes the account of somebody who holds an invitation."""

    name = forms.CharField(
        label=pgettext_lazy("of a person", "Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    password = forms.CharField(
        label=_("Password"),
        help_text=_("At least 10 characters."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].lower()
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(EMAIL_TAKEN)
        return email

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, User(email=self.data.get("email", ""), name=self.data.get("name", "")))
        return password
