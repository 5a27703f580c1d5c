"""What people type about models, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.tokenizing import TokenizerSpec
from nlpstudio.registry.mistakes import Filter
from nlpstudio.registry.models import Visibility


class RenameForm(forms.Form):
    """A model's new name."""

    name = forms.CharField(label=_("Name"), max_length=120)


class VisibilityForm(forms.Form):
    """Who may look at a model and try it."""

    visibility = forms.ChoiceField(label=_("Visible to"), choices=Visibility.choices)


class PrecisionForm(forms.Form):
    """How often a decision must be right, in percent."""

    LEAST, MOST, STEP = 50, 100, 0.5

    precision = forms.FloatField(
        label=_("Of the decided rows, so many must be right"),
        min_value=LEAST,
        max_value=MOST,
        widget=forms.NumberInput(attrs={"type": "range", "min": LEAST, "max": MOST, "step": STEP}),
    )


KINDS = (
    ("wordpiece", _("WordPiece (BERT)")),
    ("bpe", _("BPE on characters")),
    ("byte_bpe", _("BPE on bytes (GPT-2): nothing is unknown")),
    ("unigram", _("Unigram (SentencePiece)")),
)
NORMALISATIONS = (
    ("nfkc", _("NFKC: full-width forms become plain")),
    ("nfc", _("NFC: composed characters")),
    ("none", pgettext_lazy("normalisation", "None")),
)


class TokenizerForm(forms.Form):
    """A new tokenizer."""

    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, help_text=_("Corpus, kind and size when left empty.")
    )
    dataset_version = forms.ChoiceField(label=_("Corpus"))
    kind = forms.ChoiceField(label=_("Kind"), choices=KINDS, initial="wordpiece")
    vocabulary = forms.IntegerField(
        label=_("Vocabulary"),
        min_value=300,
        max_value=250_000,
        initial=8000,
        help_text=_("Tokens, special ones included."),
    )
    normalisation = forms.ChoiceField(label=_("Normalisation"), choices=NORMALISATIONS, initial="nfkc")
    lowercase = forms.BooleanField(label=_("Lower case"), required=False, initial=True)
    strip_accents = forms.BooleanField(label=_("Take accents off"), required=False)
    split_chinese = forms.BooleanField(
        label=_("Each Chinese character is a word"),
        required=False,
        initial=True,
        help_text=_("As in BERT: right for names and answers, whose borders longer pieces would blur."),
    )
    least_count = forms.IntegerField(
        label=_("Least count"), min_value=1, max_value=1000, initial=2, help_text=_("Rarer pairs are not joined.")
    )
    added = forms.CharField(
        label=_("Further special tokens"), required=False, max_length=500, help_text=_("Separated by blanks.")
    )

    def __init__(self, *args: Any, versions: Sequence[DatasetVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.versions = {str(version.pk): version for version in versions}
        field = self.fields["dataset_version"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(key, str(version)) for key, version in self.versions.items()]

    @property
    def version(self) -> DatasetVersion:
        """The chosen corpus, once the form is valid."""
        return self.versions[self.cleaned_data["dataset_version"]]

    def spec(self) -> TokenizerSpec:
        """What was chosen, once the form is valid."""
        values = {name: self.cleaned_data[name] for name in TokenizerSpec.names()}
        return TokenizerSpec(**{**values, "added": tuple(dict.fromkeys(values["added"].split()))})


class MistakesForm(forms.Form):
    """Which predictions of one split to show."""

    WRONG, RIGHT, ALL = "wrong", "right", "all"

    split = forms.ChoiceField(label=_("Split"))
    show = forms.ChoiceField(
        label=_("Show"),
        required=False,
        choices=[(WRONG, _("Mistakes")), (RIGHT, _("Right ones")), (ALL, _("All rows"))],
    )
    gold = forms.ChoiceField(label=_("Label in the data"), required=False)
    predicted = forms.ChoiceField(label=_("Predicted label"), required=False)
    confidence = forms.ChoiceField(
        label=_("Confidence"),
        required=False,
        choices=[("", _("Any")), ("low", _("Below 60%")), ("middle", _("60% to 90%")), ("high", _("90% and more"))],
    )

    CORRECT = {WRONG: False, RIGHT: True, ALL: None}
    CONFIDENCE = {"": (None, None), "low": (None, 0.6), "middle": (0.6, 0.9), "high": (0.9, None)}

    def __init__(self, data: dict[str, str], *, splits: list[str], labels: Sequence[str]) -> None:
        names = {"test": _("Test"), "validation": _("Validation")}
        super().__init__({"split": splits[0] if splits else "", "show": self.WRONG, **data})
        fields: dict[str, forms.ChoiceField] = {
            name: field for name, field in self.fields.items() if isinstance(field, forms.ChoiceField)
        }
        fields["split"].choices = [(split, names[split]) for split in splits]
        for name in ("gold", "predicted"):
            if not labels:
                del self.fields[name]
                continue
            fields[name].choices = [("", _("Any")), *((label, label) for label in labels)]

    def wanted(self) -> Filter:
        """The filter, once the form is valid."""
        given = self.cleaned_data
        least, most = self.CONFIDENCE[given["confidence"]]
        return Filter(
            split=given["split"],
            gold=given.get("gold", ""),
            predicted=given.get("predicted", ""),
            correct=self.CORRECT[given["show"] or self.WRONG],
            confidence_from=least,
            confidence_below=most,
        )


class PushForm(forms.Form):
    """Where on the Hub a version goes, and the token for this one time."""

    repo = forms.RegexField(
        label=_("Repository"),
        regex=r"^[\w.-]{1,96}/[\w.-]{1,96}$",
        max_length=193,
        widget=forms.TextInput(attrs={"placeholder": "owner/name", "autocomplete": "off"}),
        error_messages={"invalid": _("Write owner/name.")},
    )
    token = forms.CharField(
        label=_("Hub token"),
        max_length=200,
        help_text=_("With the right to write. It is used for this one upload and kept nowhere."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    private = forms.BooleanField(label=_("Private repository"), required=False, initial=True)
