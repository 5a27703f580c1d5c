"""From what people choose about a file to predict to `Reading`, and back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from nlpstudio.datasets.forms import (
    AUTO,
    DELIMITER_CHOICES,
    DELIMITERS,
    ENCODINGS,
    ROLE_NAMES,
    YES_NO,
    column_name,
)
from nlpstudio.engine.batch.order import ROLES, Reading
from nlpstudio.engine.data.encoding import known_codec
from nlpstudio.engine.data.sniffing import Sniffed

FILES = _(".tsv, .csv, .txt, .jsonl, .json or .xlsx, also in .gz or .zip. Labels are not needed.")
_TRUTH = {"yes": True, "no": False}
_WORD = {True: "yes", False: "no", None: ""}
HOW = ("encoding", "delimiter", "header", "quoting")


class FileForm(forms.Form):
    """The file whose rows the model is to answer."""

    file = forms.FileField(label=_("File"), help_text=FILES, allow_empty_file=True)  # the service says more of these


class ReadingForm(forms.Form):
    """Which column is what, and how the file is read. The columns to choose from are those of `sniffed`."""

    encoding = forms.ChoiceField(label=_("Encoding"), choices=ENCODINGS, required=False)
    delimiter = forms.ChoiceField(label=_("Delimiter"), choices=DELIMITER_CHOICES, required=False)
    header = forms.ChoiceField(label=_("First line is a header"), choices=YES_NO, required=False)
    quoting = forms.ChoiceField(label=_("Quotes enclose cells"), choices=YES_NO, required=False)

    def __init__(self, *args: Any, task: str, pairs: bool, sniffed: Sniffed, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roles = ROLES[task]
        for role in roles.all if pairs else roles.needed:
            is_needed = role in roles.needed
            none = ("", _("Choose a column") if is_needed else _("None"))
            choices = [none, *((name, column_name(name, sniffed)) for name in sniffed.columns)]
            self.fields[f"role_{role}"] = forms.ChoiceField(label=ROLE_NAMES[role], choices=choices, required=is_needed)

    @property
    def role_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("role_")]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        chosen = [values[name] for name in self.fields if name.startswith("role_") and values.get(name)]
        if len(chosen) > len(set(chosen)):
            self.add_error(None, _("Two roles have the same column. Choose a column of its own for each."))
        return values

    def reading(self) -> Reading:
        """What was chosen. Only after `is_valid`."""
        return reading_of(self.cleaned_data)


def reading_of(values: dict[str, Any]) -> Reading:
    """What the values of the form's fields say; what makes no sense is left to be found out."""
    encoding = values.get("encoding") or ""
    columns = {
        name.removeprefix("role_"): column for name, column in values.items() if name.startswith("role_") and column
    }
    return Reading(
        columns=columns or None,
        encoding=encoding if encoding and known_codec(encoding) else None,
        delimiter=DELIMITERS.get(values.get("delimiter") or ""),
        header=_TRUTH.get(values.get("header") or ""),
        quoting=_TRUTH.get(values.get("quoting") or ""),
    )


def initial_of(reading: Reading, sniffed: Sniffed) -> dict[str, Any]:
    """The form's values for what was chosen before, with the guessed columns where none were."""
    names = {value: name for name, value in DELIMITERS.items()}
    return {
        "encoding": reading.encoding or AUTO[0],
        "delimiter": names.get(reading.delimiter or "", ""),
        "header": _WORD[reading.header],
        "quoting": _WORD[reading.quoting],
        **{f"role_{role}": column for role, column in sniffed.guessed.items()},
    }
