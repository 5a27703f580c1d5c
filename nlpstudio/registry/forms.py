"""What people type about models, checked."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext_lazy as _

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
