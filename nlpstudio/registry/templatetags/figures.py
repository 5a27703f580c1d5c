"""Words for metrics and splits, and which figures come first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from nlpstudio.registry import confidence, project_shelf, words
from nlpstudio.registry.forms import KINDS, NORMALISATIONS

register = template.Library()

METRICS: Mapping[str, Any] = {
    "accuracy": _("Accuracy"),
    "exact_match": _("Exact match"),
    "f1": _("F1"),
    "precision": _("Precision"),
    "recall": _("Recall"),
    "macro_f1": _("Macro F1"),
    "macro_precision": _("Macro precision"),
    "macro_recall": _("Macro recall"),
    "micro_f1": _("Micro F1"),
    "micro_precision": _("Micro precision"),
    "micro_recall": _("Micro recall"),
    "weighted_f1": _("Weighted F1"),
    "subset_accuracy": _("Exact rows"),
    "token_accuracy": _("Token accuracy"),
    "strict_f1": _("Strict F1"),
    "strict_precision": _("Strict precision"),
    "strict_recall": _("Strict recall"),
    "answerable_exact_match": _("Exact match, answerable"),
    "answerable_f1": _("F1, answerable"),
    "no_answer_accuracy": _("Accuracy, no answer"),
    "bleu": _("BLEU"),
    "chrf": _("chrF"),
    "rouge1": _("ROUGE-1"),
    "rouge2": _("ROUGE-2"),
    "rougeL": _("ROUGE-L"),
    "perplexity": _("Perplexity"),
    "distinct_1": _("Distinct words"),
    "distinct_2": _("Distinct pairs of words"),
    "loss": _("Loss"),
    "majority_accuracy": _("Always the commonest token"),
    "pair_accuracy": _("Accuracy of pairs"),
    "pair_loss": _("Loss of pairs"),
    "log_likelihood": _("Log-likelihood of a token"),
}
"""In the order in which they are shown."""

OUTCOMES: Mapping[str, Any] = {
    "right": pgettext_lazy("entity", "Right"),
    "wrong_type": pgettext_lazy("entity", "Wrong type"),
    "wrong_border": pgettext_lazy("entity", "Wrong border"),
    "missed": pgettext_lazy("entity", "Missed"),
    "invented": pgettext_lazy("entity", "Invented"),
}
"""What may become of an entity."""

SPLITS: Mapping[str, Any] = {
    "train": pgettext_lazy("split", "training"),
    "validation": pgettext_lazy("split", "validation"),
    "test": pgettext_lazy("split", "test"),
}
SOURCES: Mapping[str, Any] = {"demo": _("Demo page"), "api": _("API"), "share": _("Shared link"), "batch": _("Files")}
FIRST = 4


@register.filter
def model_words(sentence: str) -> str:
    """What the engine says of base models and inputs, in the page's language."""
    return words.SENTENCES.translated(sentence)


@register.filter
def metric_name(name: str) -> str:
    """A metric's name for people; one we have no words for is shown as it is."""
    return str(METRICS.get(name, name.replace("_", " ")))


@register.filter
def tokenizer_kind(kind: str) -> str:
    """A kind of tokenizer in words."""
    return str(dict(KINDS).get(kind, kind))


@register.filter
def normalisation_word(name: str) -> str:
    """What a tokenizer does to characters beforehand, in words."""
    return str(dict(NORMALISATIONS).get(name, name))


@register.filter
def base_model_name(model_id: str) -> str:
    """What people call a base model."""
    return project_shelf.names([model_id])[model_id]


@register.filter
def with_base_names(rows: Iterable[Any]) -> list[Any]:
    """The rows (runs, versions), each with its base model's name as `base_name`."""
    found = list(rows)
    names = project_shelf.names(row.base_model for row in found)
    for row in found:
        row.base_name = names[row.base_model]
    return found


@register.filter
def split_name(name: str) -> str:
    return str(SPLITS.get(name, name))


@register.filter
def outcome_name(name: str) -> str:
    return str(OUTCOMES.get(name, name))


@register.filter
def values_of(counts: Mapping[str, int], names: Mapping[str, Any]) -> list[int]:
    """The counts in the order of `names`."""
    return [counts.get(name, 0) for name in names]


@register.filter
def headline(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """The few figures that stand for all, as (name, value)."""
    return ordered(metrics)[:FIRST]


@register.filter
def ordered(metrics: Mapping[str, float]) -> list[tuple[str, float]]:
    """All figures as (name, value), known ones first."""
    known = list(METRICS)
    return sorted(metrics.items(), key=lambda each: known.index(each[0]) if each[0] in known else len(known))


@register.filter
def diagrams(calibration: Mapping[str, Any]) -> dict[str, confidence.Diagram]:
    """A report's calibration, ready to draw."""
    return confidence.diagrams(calibration)


@register.filter
def usage_source(name: str) -> str:
    """Where requests came from, in words."""
    return str(SOURCES.get(name, name))


@register.filter
def points(share: float) -> str:
    """A difference of shares in points: 0.005 is 0.5."""
    return f"{100 * share:g}"
