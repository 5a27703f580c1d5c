"""One demo a task: which boxes it has, and what is asked of the model with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

LONGEST = 200_000
"""Characters of one box: a short book chapter."""


def _box(label: Any, rows: int, hint: Any = "", *, required: bool = True) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false"})
    return forms.CharField(
        label=label, widget=widget, help_text=hint, max_length=LONGEST, required=required, strip=False
    )


class DemoForm(forms.Form):
    """What a person gives a model to judge."""

    parameters: Mapping[str, Any] = {}
    """Sent with every question of the demo page."""

    def inputs(self) -> Any:
        """The `inputs` of the prediction request, once the form is valid."""
        raise NotImplementedError


class ClassificationDemo(DemoForm):
    """A text, and a second one where the model judges pairs."""

    text = _box(_("Text"), 5)
    text_pair = _box(_("Second text"), 3, _("For models that judge two texts together."), required=False)

    def inputs(self) -> Any:
        text, pair = self.cleaned_data["text"], self.cleaned_data.get("text_pair")
        return {"text": text, "text_pair": pair} if pair else text


class NerDemo(DemoForm):
    """A text to mark."""

    parameters = {"aggregation_strategy": "simple"}

    text = _box(_("Text"), 6)

    def inputs(self) -> Any:
        return self.cleaned_data["text"]


class QaDemo(DemoForm):
    """A text and a question about it."""

    parameters = {"top_k": 3}

    context = _box(_("Text to look in"), 10)
    question = _box(_("Question"), 2)

    def inputs(self) -> Any:
        return {"question": self.cleaned_data["question"], "context": self.cleaned_data["context"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The form of a task and the template of its answer. `client` is the method of huggingface_hub's client."""

    form: type[DemoForm]
    result: str
    client: str


DEMOS: Mapping[str, Demo] = {
    "classification": Demo(
        form=ClassificationDemo, result="demos/_result_classification.html", client="text_classification"
    ),
    "ner": Demo(form=NerDemo, result="demos/_result_ner.html", client="token_classification"),
    "qa": Demo(form=QaDemo, result="demos/_result_qa.html", client="question_answering"),
}
