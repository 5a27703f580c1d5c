"""The forms of letters and webhooks."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from nlpstudio.notices import posting
from nlpstudio.notices.models import Kind
from nlpstudio.notices.rules import EVENTS


class LettersForm(forms.Form):
    """Of which kinds somebody wants a letter."""

    kinds = forms.MultipleChoiceField(
        label=_("Send me an e-mail when"), required=False, choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )


class WebhookForm(forms.Form):
    """Where to and of what."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("On the public internet, beginning with https://."),
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when"), choices=list(EVENTS.items()), widget=forms.CheckboxSelectMultiple
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            posting.check(url)
        except posting.NotAllowed as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return url


class ChangeForm(WebhookForm):
    """As above, and whether it is on."""

    is_on = forms.BooleanField(label=_("Switched on"), required=False)
