"""What people type about models, checked."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext_lazy as _

from nlpstudio.registry.mistakes import Filter


class RenameForm(forms.Form):
    """A model's new name."""

    name = forms.CharField(label=_("Name"), max_length=120)


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
    least = forms.FloatField(label=_("Confidence from"), required=False, min_value=0, max_value=1)
    most = forms.FloatField(label=_("to"), required=False, min_value=0, max_value=1)

    CORRECT = {WRONG: False, RIGHT: True, ALL: None}

    def __init__(self, data: dict[str, str], *, splits: list[str], labels: Sequence[str]) -> None:
        names = {"test": _("Test"), "validation": _("Validation")}
        super().__init__({"split": splits[0] if splits else "", "show": self.WRONG, **data})
        fields: dict[str, forms.ChoiceField] = {
            name: field for name, field in self.fields.items() if isinstance(field, forms.ChoiceField)
        }
        fields["split"].choices = [(split, names[split]) for split in splits]
        for name in ("gold", "predicted"):
            fields[name].choices = [("", _("Any")), *((label, label) for label in labels)]
        for name in ("least", "most"):
            self.fields[name].widget.attrs["step"] = "0.05"

    def wanted(self) -> Filter:
        """The filter, once the form is valid."""
        given = self.cleaned_data
        return Filter(
            split=given["split"],
            gold=given["gold"],
            predicted=given["predicted"],
            correct=self.CORRECT[given["show"] or self.WRONG],
            confidence_from=given["least"],
            confidence_to=given["most"],
        )
