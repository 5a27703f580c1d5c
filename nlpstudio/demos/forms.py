"""One demo a task: which boxes it has, and what is asked of the model with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.demos.similar import Encoder

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

    @property
    def chosen(self) -> dict[str, Any]:
        """The parameters that were chosen in the form."""
        return {}


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


class InsideForm(forms.Form):
    """A sentence to follow through a model, and which head to look at."""

    text = forms.CharField(label=_("Sentence"), max_length=400, help_text=_("The first 32 tokens are shown."))
    layer = forms.IntegerField(min_value=1, max_value=200)
    head = forms.IntegerField(min_value=1, max_value=200)


class SimilarForm(forms.Form):
    """A text, and what to compare it with: another text, the rows of a data set, or both."""

    model = forms.ChoiceField(label=_("Encoder"))
    text = _box(_("Text"), 3)
    other = _box(_("Another text"), 3, required=False)
    dataset_version = forms.ChoiceField(label=_("Nearest rows of"), required=False)

    def __init__(
        self, *args: Any, encoders: Sequence[Encoder], versions: Sequence[DatasetVersion], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._encoders = {encoder.key: encoder for encoder in encoders}
        self._versions = {str(version.pk): version for version in versions}
        model, version = self.fields["model"], self.fields["dataset_version"]
        assert isinstance(model, forms.ChoiceField)
        assert isinstance(version, forms.ChoiceField)
        model.choices = [(encoder.key, encoder.name) for encoder in encoders]
        version.choices = [("", _("no data set")), *((key, str(each)) for key, each in self._versions.items())]

    def clean(self) -> dict[str, Any]:
        """There must be something to compare with."""
        cleaned = self.cleaned_data
        if not self.errors and not cleaned["other"].strip() and not cleaned["dataset_version"]:
            self.add_error("other", _("Give another text, or choose a data set."))
        return cleaned

    @property
    def encoder(self) -> Encoder:
        """The chosen encoder, once the form is valid."""
        return self._encoders[self.cleaned_data["model"]]

    @property
    def version(self) -> DatasetVersion | None:
        """The chosen data, once the form is valid."""
        return self._versions.get(self.cleaned_data["dataset_version"])


class PretrainingDemo(DemoForm):
    """A text with gaps, or one to be continued; a second text that may follow it; or a text to be judged."""

    FILL, PAIR, PERPLEXITY = "fill", "pair", "perplexity"

    text = _box(
        _("Text"), 4, _("Write [MASK] where a word is to be guessed. A decoder guesses the word after the text.")
    )
    text_pair = _box(
        _("Second text"), 2, _("Does it follow the first? Only for models that learnt pairs."), required=False
    )
    ask = forms.ChoiceField(
        label=_("Question"),
        required=False,
        choices=[
            (FILL, _("Which word is missing?")),
            (PAIR, _("Does the second text follow?")),
            (PERPLEXITY, _("How likely is the text?")),
        ],
    )

    @property
    def parameters(self) -> Mapping[str, Any]:  # type: ignore[override]  # it depends on the question here
        return {"perplexity": True} if self._asked() == self.PERPLEXITY else {"top_k": 10}

    def inputs(self) -> Any:
        text, pair = self.cleaned_data["text"], self.cleaned_data.get("text_pair")
        return {"text": text, "text_pair": pair} if pair and self._asked() == self.PAIR else text

    def _asked(self) -> str:
        return str(self.cleaned_data.get("ask") or self.FILL)


class SourceDemo(DemoForm):
    """A text to translate or to sum up."""

    text = _box(_("Text"), 8)
    num_beams = forms.IntegerField(
        label=_("Beams"),
        min_value=1,
        max_value=16,
        required=False,
        help_text=_("How many beginnings are followed at once. 4 when left empty; 1 is fastest."),
    )

    def inputs(self) -> Any:
        return self.cleaned_data["text"]

    @property
    def chosen(self) -> dict[str, Any]:
        beams = self.cleaned_data.get("num_beams")
        return {"generate_parameters": {"num_beams": beams}} if beams else {}


class GenerationDemo(DemoForm):
    """A prompt, and how to write."""

    text = _box(_("Prompt"), 6)
    max_new_tokens = forms.IntegerField(
        label=_("Most tokens"), min_value=1, max_value=8192, initial=128, required=False
    )
    temperature = forms.FloatField(
        label=_("Temperature"),
        min_value=0,
        max_value=10,
        initial=0.7,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=_("0 takes the likeliest word each time; higher is bolder."),
    )
    top_p = forms.FloatField(
        label=_("Top-p"),
        min_value=0,
        max_value=1,
        initial=0.9,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=_("Only the likeliest words that together have this probability."),
    )
    stop = forms.CharField(
        label=_("Stop text"),
        max_length=200,
        required=False,
        strip=False,
        help_text=_("Where it appears, the answer ends."),
    )

    def inputs(self) -> Any:
        return self.cleaned_data["text"]

    @property
    def chosen(self) -> dict[str, Any]:
        given = {name: self.cleaned_data.get(name) for name in ("max_new_tokens", "temperature", "top_p", "stop")}
        kept = {name: value for name, value in given.items() if value not in (None, "")}
        return {**kept, "stop": [kept["stop"]]} if "stop" in kept else kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The form of a task and the template of its answer. `client` is the method of huggingface_hub's client.

    `streams` says that the answer is shown as it is written.
    """

    form: type[DemoForm]
    result: str
    client: str
    streams: bool = False


DEMOS: Mapping[str, Demo] = {
    "classification": Demo(
        form=ClassificationDemo, result="demos/_result_classification.html", client="text_classification"
    ),
    "ner": Demo(form=NerDemo, result="demos/_result_ner.html", client="token_classification"),
    "pretraining": Demo(form=PretrainingDemo, result="demos/_result_pretraining.html", client="fill_mask"),
    "qa": Demo(form=QaDemo, result="demos/_result_qa.html", client="question_answering"),
    "translation": Demo(form=SourceDemo, result="demos/_result_writing.html", client="translation"),
    "summarization": Demo(form=SourceDemo, result="demos/_result_writing.html", client="summarization"),
    "generation": Demo(
        form=GenerationDemo, result="demos/_result_writing.html", client="text_generation", streams=True
    ),
}
