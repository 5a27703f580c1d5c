"""From what people choose to a `TrainSpec`. Names, bounds and defaults of the settings come from `TrainParams`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from nlpstudio.core.errors import StudioError
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine import shelf
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.conversion.sources import BaseModel
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.spec import MADE, SCRATCH, TrainParams, TrainSpec, settings_of
from nlpstudio.projects.models import Project
from nlpstudio.registry import project_shelf
from nlpstudio.runs import cooking, services, suggesting
from nlpstudio.runs.wording import CHOICES, GROUPS, OWN_GROUPS, RECIPES, SETTINGS

DEFAULTS = TrainParams()
PARAMS = {field.name: field for field in dataclasses.fields(TrainParams)}
LANGUAGES = ("source_language", "target_language")
BASIC = tuple(name for name, field in PARAMS.items() if field.metadata.get("basic"))


class RunForm(forms.Form):
    """A new run. `suggested_…` remember what was suggested: as long as a setting is that, it follows the data.

    `applied_recipe` is the recipe that the settings were filled in from, so that a choice of another one is noticed.
    """

    name = forms.CharField(
        label=_("Name"), max_length=120, required=False, help_text=_("The name of the data set when left empty.")
    )
    dataset_version = forms.ChoiceField(label=_("Data"))
    base_model = forms.ChoiceField(label=_("Base model"), widget=forms.RadioSelect)
    recipe = forms.ChoiceField(
        label=_("Recipe"), choices=list(RECIPES.items()), required=False, widget=forms.RadioSelect
    )
    applied_recipe = forms.CharField(required=False, widget=forms.HiddenInput)
    needs = forms.CharField(label=_("Labels of the worker"), max_length=300, required=False)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.versions = list(
            DatasetVersion.objects.ready()
            .filter(dataset__project=project, dataset__deleted_at__isnull=True)
            .select_related("dataset")
            .defer("statistics", "first_problems", "columns")  # large, and only the chosen one's are read
            .order_by("-created_at")
        )
        own = project_shelf.entries(project)
        common = shelf.base_models()
        self.entries = [*own, *common]
        self.here = {entry.id for entry in own} | {entry.id for entry in common if shelf.is_available(entry.id)}
        data_field, model_field = self.fields["dataset_version"], self.fields["base_model"]
        assert isinstance(data_field, forms.ChoiceField)
        assert isinstance(model_field, forms.ChoiceField)
        data_field.choices = [(str(version.pk), str(version)) for version in self.versions]
        model_field.choices = [(entry.id, entry.name) for entry in self.entries]
        for name, field in PARAMS.items():
            self.fields[name] = _field(name, field)
        self.fields["needs"].tip = _(  # type: ignore[attr-defined]  # read by the template
            "Only a worker that has all of these takes the run, such as gpu. Commas between several; empty: any worker."
        )
        self._offer_languages()
        for name in suggesting.SUGGESTED:
            self.fields[f"suggested_{name}"] = forms.FloatField(required=False, widget=forms.HiddenInput)

    def _offer_languages(self) -> None:
        """Those that the chosen base model tells apart."""
        codes = self.entry.language_codes if self.entry else ()
        for name in LANGUAGES:
            self.fields[name].widget = forms.Select(choices=[("", _("choose one")), *((code, code) for code in codes)])

    @property
    def version(self) -> DatasetVersion | None:
        """The chosen version of the data, whatever the other fields say."""
        chosen = str(self["dataset_version"].value() or "")
        return next((version for version in self.versions if str(version.pk) == chosen), None)

    @property
    def entry(self) -> BaseModel | None:
        chosen = str(self["base_model"].value() or "")
        return next((entry for entry in self.entries if entry.id == chosen), None)

    @property
    def task(self) -> str:
        """The task of the chosen data; empty when none is chosen."""
        return self.version.dataset.task if self.version else ""

    @property
    def suggested(self) -> list[forms.BoundField]:
        """The hidden fields that remember what was suggested."""
        return [self[f"suggested_{name}"] for name in suggesting.SUGGESTED]

    @property
    def basic(self) -> list[forms.BoundField]:
        return [self[name] for name in BASIC]

    @property
    def own(self) -> list[tuple[Any, list[forms.BoundField]]]:
        """The groups of settings that only this task has, unfolded."""
        shown = self._shown()
        groups = OWN_GROUPS.get(self.task, ())
        return [(label, [self[name] for name in names if name in shown]) for label, names in groups]

    def _shown(self) -> set[str]:
        """The settings that have a meaning for the task, and for what its model begins with."""
        shown = set(settings_of(self.task))
        if self.task and CATALOGUE[self.task].writes:
            shown -= {"class_weights"}
        if self.task in MADE:
            if not suggesting.begins_fresh(self.version, self.entry):
                shown -= {"architecture", "layers", "hidden_size", "heads", "hidden_dropout"}
            if self.entry is None or self.entry.id != SCRATCH:
                shown -= {"vocabulary"}
            if self.entry is None or not self.entry.language_codes:
                shown -= set(LANGUAGES)
            if str(self["architecture"].value()) != "custom":
                shown -= {"layers", "hidden_size", "heads"}
            if str(self["objective"].value()) == "clm":
                shown -= {"masking", "mask_share", "short_share"}
        return shown

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The folded settings; what only another task uses is left out. The last group is about the machine."""
        shown = self._shown()
        found = [(label, [self[name] for name in names if name in shown]) for label, names in GROUPS]
        found[-1][1].append(self["needs"])
        return found

    @property
    def changed_count(self) -> int:
        """How many of the folded settings are not the default."""
        return sum(
            1
            for name in PARAMS
            if name not in BASIC
            and not PARAMS[name].metadata.get("only")
            and name not in self.errors
            and self._value(name) != getattr(DEFAULTS, name)
        )

    @property
    def has_folded_errors(self) -> bool:
        return any(name in self.errors for name in (*PARAMS, "needs") if name not in BASIC)

    @property
    def has_tokenizers(self) -> bool:
        return any(entry.family == "tokenizer" and self.task in entry.tasks for entry in self.entries)

    @property
    def takes_recipes(self) -> bool:
        """Recipes are for fine-tuning."""
        return _takes_recipes(self.version, self.entry)

    @property
    def cards(self) -> list[tuple[BaseModel, bool]]:
        """The base models that can do the task and whether each is here, those on this machine first."""
        task = self.version.dataset.task if self.version else None
        able = [entry for entry in self.entries if task is None or task in entry.tasks]
        return sorted(((entry, entry.id in self.here) for entry in able), key=lambda card: not card[1])

    def spec(self) -> TrainSpec:
        """What was chosen. Only after `is_valid`."""
        version = self.version
        assert version is not None
        return TrainSpec(task=version.dataset.task, base_model=self.cleaned_data["base_model"], params=self._params())

    def clean_needs(self) -> list[str]:
        """The labels; blanks and Chinese commas part them too."""
        try:
            return services.labels_of(re.split(r"[\s,，、;；]+", self.cleaned_data["needs"]))
        except StudioError as error:
            raise forms.ValidationError(f"{error.message} {error.hint}") from error

    def clean(self) -> dict[str, Any]:
        """An empty folded setting is its default, and so is a language that the base model does not tell."""
        cleaned = self.cleaned_data
        for name in LANGUAGES:
            if self.entry is None or cleaned.get(name) not in self.entry.language_codes:
                cleaned[name] = ""
        for name in PARAMS:
            if name in cleaned and cleaned[name] in (None, ""):
                cleaned[name] = getattr(DEFAULTS, name)
        return cleaned

    def _params(self) -> TrainParams:
        return TrainParams(**{name: self.cleaned_data[name] for name in PARAMS})

    def _value(self, name: str) -> Any:
        return self.cleaned_data.get(name) if self.is_bound and self.is_valid() else self[name].value()


def first_values(project: Project, wished: Mapping[str, Any]) -> dict[str, Any]:
    """What the form starts with: what was wished for, the defaults, and what suits the data."""
    form = RunForm(project=project)
    versions = form.versions
    chosen = str(wished.get("dataset_version", ""))
    version = next((v for v in versions if str(v.pk) == chosen), versions[0] if versions else None)
    suggested = suggesting.base_model(form.entries, version, form.here)
    model_id = wished.get("base_model") or (suggested.id if suggested else "")
    values = {
        **dataclasses.asdict(DEFAULTS),
        **wished,
        "dataset_version": str(version.pk) if version else "",
        "base_model": model_id,
    }
    return with_suggestions(form, values, version)


def with_suggestions(form: RunForm, values: Mapping[str, Any], version: DatasetVersion | None) -> dict[str, Any]:
    """The values with those settings renewed that are still what was suggested before."""
    entry = next((entry for entry in form.entries if entry.id == values.get("base_model")), None)
    fresh: dict[str, Any] = {
        "max_length": suggesting.max_length(version, entry) if version else DEFAULTS.max_length,
        "learning_rate": suggesting.learning_rate(entry, version, _shape(values)),
        **suggesting.pace(version, entry),
    }
    changed = dict(values)
    for name, value in fresh.items():
        before = values.get(f"suggested_{name}", getattr(DEFAULTS, name))
        if _same(values.get(name), before) or name not in values:
            changed[name] = value
        changed[f"suggested_{name}"] = value
    if not _takes_recipes(version, entry):
        return {**changed, "recipe": "", "applied_recipe": ""}
    return cooking.with_recipe(changed, values, entry)


def _shape(values: Mapping[str, Any]) -> TrainParams:
    """The architecture that was chosen, as settings; the default one for what is no architecture."""
    names = ("architecture", "layers", "hidden_size", "heads")
    try:
        return TrainParams(**{n: type(getattr(DEFAULTS, n))(values[n]) for n in names if values.get(n)})
    except (ValueError, InvalidSpec):
        return DEFAULTS


def _takes_recipes(version: DatasetVersion | None, entry: BaseModel | None) -> bool:
    is_pretraining = version is not None and version.dataset.task == "pretraining"
    return not is_pretraining and not suggesting.begins_fresh(version, entry)


def _same(given: Any, other: Any) -> bool:
    """Whether two values of a setting are one, typed or not."""
    try:
        return float(given) == float(other)
    except (TypeError, ValueError):
        return str(given) == str(other)


def _field(name: str, field: dataclasses.Field[Any]) -> forms.Field:
    label, help_text = SETTINGS[name]
    rule, kind = field.metadata, str(field.type)
    common = {"label": label, "initial": field.default, "required": name in BASIC}
    if kind == "bool":
        made: forms.Field = forms.BooleanField(label=label, initial=field.default, required=False)
    elif "choices" in rule:
        made = forms.ChoiceField(choices=[(value, CHOICES[value]) for value in rule["choices"]], **common)
    elif kind == "str":
        made = forms.CharField(max_length=rule["longest"], **common)
    elif kind == "int":
        made = forms.IntegerField(min_value=rule["low"], max_value=rule["high"], **common)
    else:
        widget = forms.NumberInput(attrs={"step": "any"})
        made = forms.FloatField(min_value=rule["low"], max_value=rule["high"], widget=widget, **common)
    made.tip = help_text  # type: ignore[attr-defined]  # read by the template
    return made
