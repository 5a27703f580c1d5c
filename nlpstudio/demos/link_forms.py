"""What a maintainer says about a new share link."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from nlpstudio.demos.sharing import DAYS
from nlpstudio.registry.models import Model, ModelVersion


class LinkForm(forms.Form):
    """Which version, for how long, and for whom."""

    version = forms.ModelChoiceField(label=_("Version"), queryset=ModelVersion.objects.none(), empty_label=None)
    days = forms.TypedChoiceField(label=_("Good for"), coerce=int, initial=7)
    note = forms.CharField(label=_("For whom"), max_length=80, required=False)

    def __init__(self, data: Any = None, *, model: Model) -> None:
        super().__init__(data, auto_id="link_%s")
        choices = [(days, ngettext("%(n)d day", "%(n)d days", days) % {"n": days}) for days in DAYS]
        self.fields["days"].choices = choices  # type: ignore[attr-defined]  # a field of choices
        self.fields["version"].queryset = model.versions.select_related("model")  # type: ignore[attr-defined]  # likewise
