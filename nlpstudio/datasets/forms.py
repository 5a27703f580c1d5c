"""From what people choose about a file to `ImportOptions`, and back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from nlpstudio.datasets.models import task_choices
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.data.encoding import known_codec
from nlpstudio.engine.data.options import ImportOptions, SplitOptions
from nlpstudio.engine.data.sniffing import Sniffed
from nlpstudio.engine.errors import InvalidSpec

FILES = _(
    ".tsv, .csv, .jsonl, .json, .conll, .xlsx, .parquet or, for a corpus, .txt, also in .gz or .zip. UTF-8 is best; other encodings are detected."
)
AUTO = ("", _("As found in the file"))
YES_NO = (AUTO, ("yes", _("Yes")), ("no", _("No")))
ENCODINGS = (
    AUTO, ("utf-8", "UTF-8"), ("gb18030", "GB 18030 / GBK"), ("big5", "Big5"), ("utf-16", "UTF-16"),
    ("cp1252", "Windows-1252"), ("cp1251", "Windows-1251"), ("shift_jis", "Shift JIS"), ("euc_kr", "EUC-KR"),
)  # fmt: skip
DELIMITERS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "blank": " "}
DELIMITER_CHOICES = (
    AUTO, ("tab", _("Tab")), ("comma", _("Comma")), ("semicolon", _("Semicolon")),
    ("pipe", _("Vertical bar")), ("blank", _("Blank")),
)  # fmt: skip
CUSTOM = "custom"
PRESETS = (
    ("80/10/10", "80 / 10 / 10"), ("95/5/0", "95 / 5 / 0"), ("70/15/15", "70 / 15 / 15"), ("90/10/0", "90 / 10 / 0"),
    ("100/0/0", "100 / 0 / 0"), (CUSTOM, _("Other shares")),
)  # fmt: skip
ROLE_NAMES = {
    "text": _("Text"),
    "text_pair": _("Second text"),
    "label": _("Label"),
    "split": pgettext_lazy("a column", "Split"),
    "tokens": _("Tokens"),
    "tags": _("Tags"),
    "context": _("Context"),
    "question": _("Question"),
    "answer": _("Answer"),
    "answer_start": _("Answer start"),
    "source": _("Source text"),
    "target": _("Text to write"),
    "prompt": _("Prompt"),
    "response": _("Response, or plain text"),
}
READING = ("encoding", "delimiter", "quoting", "header")
_TRUTH = {"yes": True, "no": False, "": None}
_WORD = {True: "yes", False: "no", None: ""}


class UploadForm(forms.Form):
    """Step 1 of a new data set."""

    task = forms.ChoiceField(label=_("Task"), choices=task_choices, widget=forms.RadioSelect, initial="classification")
    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, help_text=_("The file's name when left empty.")
    )
    file = forms.FileField(label=_("File"), help_text=FILES, allow_empty_file=True)  # the service says more of these


class NewVersionForm(forms.Form):
    """Step 1 of a further version."""

    file = forms.FileField(label=_("File"), help_text=FILES, allow_empty_file=True)


class RenameForm(forms.Form):
    """A data set's name."""

    name = forms.CharField(label=_("Name"), max_length=120)


class ImportForm(forms.Form):
    """Steps 2 and 3: how to read the file, which column is what, and how to split the rows.

    The columns to choose from are those of `sniffed`. A chosen column that the file does not have,
    read this way, falls back to the guess.
    """

    encoding = forms.ChoiceField(label=_("Encoding"), choices=ENCODINGS, required=False)
    delimiter = forms.ChoiceField(label=_("Delimiter"), choices=DELIMITER_CHOICES, required=False)
    header = forms.ChoiceField(label=_("First line is a header"), choices=YES_NO, required=False)
    quoting = forms.ChoiceField(
        label=_("Quotes enclose cells"),
        choices=YES_NO,
        required=False,
        help_text=_("In a .tsv a quote is usually a character like any other."),
    )
    multilabel = forms.BooleanField(
        label=_("Several labels a row, separated by |"), required=False
    )  # only for classification
    preset = forms.ChoiceField(label=_("Train / validation / test"), choices=PRESETS, required=False)
    train = forms.FloatField(label=_("Train"), min_value=1, max_value=100, required=False)
    validation = forms.FloatField(label=_("Validation"), min_value=0, max_value=99, required=False)
    test = forms.FloatField(label=_("Test"), min_value=0, max_value=99, required=False)
    seed = forms.IntegerField(
        label=_("Seed"), min_value=0, max_value=2**31 - 1, required=False, help_text=_("The same seed, the same split.")
    )
    stratify = forms.BooleanField(label=_("Keep the share of each label in every split"), required=False)
    keep_good_rows = forms.BooleanField(
        label=_("Import the good rows when some are bad"),
        required=False,
        help_text=_("Otherwise one bad row refuses the whole file."),
    )

    def __init__(self, *args: Any, task: str, sniffed: Sniffed, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.task = CATALOGUE[task]
        self.sniffed = sniffed
        if task != "classification":
            del self.fields["multilabel"]
        if not self.task.labelled:
            del self.fields["stratify"]
        shape_says_all = not sniffed.guessed and not sniffed.missing  # such as SQuAD's nested JSON
        shape_says_all = shape_says_all or sniffed.format == "text"
        for role in () if shape_says_all else (*self.task.columns, *self.task.optional):
            needed = role in self.task.columns
            none = ("", _("Choose a column") if needed else _("None"))
            choices = [none, *((name, column_name(name, sniffed)) for name in sniffed.columns)]
            self.fields[f"role_{role}"] = forms.ChoiceField(label=ROLE_NAMES[role], choices=choices, required=needed)

    @property
    def role_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith("role_")]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("preset") == CUSTOM:
            shares = [values.get(name) or 0 for name in ("train", "validation", "test")]
            if not values.get("train") or abs(sum(shares) - 100) > 1e-6:
                self.add_error("train", _("The three shares must sum to 100, with more than 0 for train."))
        chosen = [values.get(f"role_{role}") for role in self.task.columns]
        if any(chosen.count(column) > 1 for column in chosen if column):
            self.add_error(None, _("Two roles have the same column. Choose a column of its own for each."))
        return values

    def options(self) -> ImportOptions:
        """What was chosen. Only after `is_valid`."""
        values = self.cleaned_data
        columns = {name.removeprefix("role_"): values[name] for name in self.fields if name.startswith("role_")}
        return _options(self.task.name, values, {role: column for role, column in columns.items() if column} or None)


def draft_options(task: str, posted: dict[str, str], before: ImportOptions) -> ImportOptions | None:
    """What was chosen so far, None when it cannot be. When the way of reading changed, the columns are guessed anew."""
    columns = {key.removeprefix("role_"): value for key, value in posted.items() if key.startswith("role_") and value}
    posted = {**shares_of(before), **posted}  # the boxes of other shares are not there until they are chosen
    try:
        now = _options(task, posted, columns or None)
    except (InvalidSpec, ValueError):
        return None
    if any(getattr(now, name) != getattr(before, name) for name in READING):
        return _options(task, posted, None)
    return now


def _options(task: str, values: dict[str, Any], columns: dict[str, str] | None) -> ImportOptions:
    encoding = values.get("encoding") or None
    return ImportOptions(
        task=task,
        columns=columns,
        encoding=encoding if encoding and known_codec(encoding) else None,
        delimiter=DELIMITERS.get(values.get("delimiter") or ""),
        header=_TRUTH.get(values.get("header") or ""),
        quoting=_TRUTH.get(values.get("quoting") or ""),
        multilabel=bool(values.get("multilabel")),
        keep_good_rows=bool(values.get("keep_good_rows")),
        split=_split(values),
    )


def _split(values: dict[str, Any]) -> SplitOptions:
    preset = values.get("preset") or PRESETS[0][0]
    shares = [values.get(name) or 0 for name in ("train", "validation", "test")]
    train, validation, test = (float(share) / 100 for share in (shares if preset == CUSTOM else preset.split("/")))
    seed = values.get("seed")
    seed = 42 if seed in (None, "") else int(seed)
    return SplitOptions(train=train, validation=validation, test=test, seed=seed, stratify=bool(values.get("stratify")))


def shares_of(options: ImportOptions) -> dict[str, str]:
    """The three shares in percent, as the form shows them."""
    split = options.split
    shares = {"train": split.train, "validation": split.validation, "test": split.test}
    return {name: f"{round(100 * share, 4):g}" for name, share in shares.items()}


def initial_of(options: ImportOptions, sniffed: Sniffed) -> dict[str, Any]:
    """The form's values for options, with the guessed columns where none were chosen."""
    shares = shares_of(options)
    preset = "/".join(shares.values())
    columns = {**sniffed.guessed, **{r: c for r, c in (options.columns or {}).items() if c in sniffed.columns}}
    names = {value: name for name, value in DELIMITERS.items()}
    return {
        "encoding": options.encoding or "",
        "delimiter": names.get(options.delimiter or "", ""),
        "header": _WORD[options.header],
        "quoting": _WORD[options.quoting],
        "multilabel": options.multilabel,
        "keep_good_rows": options.keep_good_rows,
        "preset": preset if preset in dict(PRESETS) else CUSTOM,
        **shares,
        "seed": options.split.seed,
        "stratify": options.split.stratify,
        **{f"role_{role}": column for role, column in columns.items()},
    }


def column_name(name: str, sniffed: Sniffed) -> str:
    """A column as people count it when the file has no header."""
    if sniffed.header is False and name.isdecimal():
        return str(_("Column %(number)d") % {"number": int(name) + 1})
    return name
