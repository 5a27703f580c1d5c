"""What is right instead, as a person says it on a demo page: one form a task, and the row that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from nlpstudio.core.marks import entity_types
from nlpstudio.engine.data.rows import ClassificationRow, QARow, Row, Span, TaggedRow
from nlpstudio.engine.data.tokens import cut_tokens
from nlpstudio.registry.confidence import is_multilabel
from nlpstudio.registry.models import ModelVersion

CHOSEN_FROM = 0.5
SPARE_LINES = 3
"""Empty lines for entities that the model did not find."""


def can_be_corrected(version: ModelVersion) -> bool:
    """Whether there is a form for it: plain tags, which have no spans, are corrected in files."""
    is_plain = version.model.task == "ner" and not any(label.startswith("B-") for label in version.labels)
    return version.model.task in FORMS and not is_plain and version.dataset_version.dataset.deleted_at is None


def said_by(version: ModelVersion, inputs: Any, prediction: Any) -> Row:
    """The version's answer as a row of the data set."""
    return SAID[version.model.task](version, inputs, prediction)


class CorrectionForm(forms.Form):
    """The right answer to one input. `said` is what the version said; once valid, `row` is the right row."""

    note = forms.CharField(label=gettext_lazy("Note for the editor"), max_length=300, required=False)

    row: Row

    def __init__(self, data: Any = None, *, version: ModelVersion, inputs: Any, said: Row | None = None) -> None:
        super().__init__(data, auto_id="correction_%s")
        self.version, self.inputs, self.said = version, inputs, said
        self.prepare()
        self.order_fields([name for name in self.fields if name != "note"])

    def prepare(self) -> None:
        """Fit the fields to the version and to what it said."""
        raise NotImplementedError

    def right(self, given: dict[str, Any]) -> Row:
        """The right row. Raises `ValidationError`."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            self.row = self.right(given)
            if self.said is not None and self.row == self.said:
                raise forms.ValidationError(_("This is what the model said. Say what is right instead."))
        return given


class LabelForm(CorrectionForm):
    """The right label, or all right ones in multi-label data."""

    def prepare(self) -> None:
        choices = [(label, label) for label in self.version.labels]
        said = list(self.said.labels) if isinstance(self.said, ClassificationRow) else []
        if is_multilabel(self.version):
            self.fields["label"] = forms.MultipleChoiceField(
                label=_("Right labels"),
                choices=choices,
                required=False,
                widget=forms.CheckboxSelectMultiple,
                initial=said,
            )
        else:
            others = [each for each in choices if [each[0]] != said]
            self.fields["label"] = forms.ChoiceField(label=_("Right label"), choices=others or choices)

    def right(self, given: dict[str, Any]) -> Row:
        chosen = given["label"]
        return _texts(self.inputs, tuple(chosen) if isinstance(chosen, list) else (chosen,))


class SpansForm(CorrectionForm):
    """The right entities, a line each: the passage as it stands in the text, and its type."""

    def prepare(self) -> None:
        self.types = entity_types(self.version.labels)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What stands in the lines: what was sent, else what the version said, and some empty ones."""
        if self.is_bound:
            return [*self._sent(), *[{}] * SPARE_LINES]
        text = str(self.inputs)
        spans = spans_of(self.said) if isinstance(self.said, TaggedRow) else []
        said = [{"passage": text[each.start : each.end], "label": each.label, "start": each.start} for each in spans]
        return [*said, *[{}] * SPARE_LINES]

    def _sent(self) -> list[dict[str, Any]]:
        columns = [self.data.getlist(name) for name in ("passage", "label", "start")]  # type: ignore[attr-defined]  # of a request
        rows = [dict(zip(("passage", "label", "start"), line, strict=True)) for line in zip(*columns, strict=False)]
        return [row for row in rows if row["passage"]]

    def right(self, given: dict[str, Any]) -> Row:
        text, spans = str(self.inputs), list[Span]()
        for line in self._sent():
            if line["label"] not in self.types:
                raise forms.ValidationError(_("Choose a type for “%(passage)s”.") % {"passage": line["passage"]})
            start = _found(text, line["passage"], line["start"], spans)
            if start is None:
                words = _("“%(passage)s” does not stand in the text once more.")
                raise forms.ValidationError(words % {"passage": line["passage"]})
            spans.append(Span(start=start, end=start + len(line["passage"]), label=line["label"]))
        return tagged(text, spans)


class AnswerForm(CorrectionForm):
    """The right answer, word for word as it stands in the text."""

    def prepare(self) -> None:
        answer = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "data-passage": ""})
        self.fields["answer"] = forms.CharField(
            label=_("Right answer, as it stands in the text"),
            widget=answer,
            required=False,
            help_text=_("Leave it empty when the text does not say."),
        )
        self.fields["start"] = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def right(self, given: dict[str, Any]) -> Row:
        context, answer = self.inputs["context"], given["answer"]
        answers: tuple[tuple[str, int], ...] = ()
        if answer:
            start = _found(context, answer, str(given["start"] if given["start"] is not None else ""), [])
            if start is None:
                raise forms.ValidationError({"answer": _("This does not stand in the text word for word.")})
            answers = ((answer, start),)
        return QARow(context=context, question=self.inputs["question"], answers=answers)


FORMS: Mapping[str, type[CorrectionForm]] = {"classification": LabelForm, "ner": SpansForm, "qa": AnswerForm}


def tagged(text: str, spans: Sequence[Span]) -> TaggedRow:
    """A text with its entities as IOB2 tags of its tokens. The spans must not overlap."""
    borders = [border for span in spans for border in (span.start, span.end)]
    tokens = cut_tokens(text, borders)
    tags = ["O"] * len(tokens)
    for span in spans:
        inside = [at for at, (start, end) in enumerate(tokens) if start >= span.start and end <= span.end]
        for place, at in enumerate(inside):
            tags[at] = f"{'I' if place else 'B'}-{span.label}"
    return TaggedRow(text=text, tokens=tokens, tags=tuple(tags))


def spans_of(row: TaggedRow) -> list[Span]:
    """The entities of a row in order."""
    spans: list[Span] = []
    for (start, end), tag in zip(row.tokens, row.tags, strict=True):
        if tag.startswith("B-"):
            spans.append(Span(start=start, end=end, label=tag[2:]))
        elif tag.startswith("I-") and spans:
            spans[-1] = Span(start=spans[-1].start, end=end, label=spans[-1].label)
    return spans


def _found(text: str, passage: str, start: str, taken: Sequence[Span]) -> int | None:
    """Where the passage stands: at `start` when it is there, else at the first place that is free."""

    def is_free(at: int) -> bool:
        return all(at + len(passage) <= span.start or at >= span.end for span in taken)

    if start.isdecimal() and len(start) < 9 and text.startswith(passage, int(start)) and is_free(int(start)):
        return int(start)
    at = text.find(passage)
    while at >= 0 and not is_free(at):
        at = text.find(passage, at + 1)
    return at if at >= 0 else None


def _texts(inputs: Any, labels: tuple[str, ...]) -> ClassificationRow:
    given = {"text": inputs} if isinstance(inputs, str) else inputs
    return ClassificationRow(text=given["text"], text_pair=given.get("text_pair"), labels=labels)


def _said_labels(version: ModelVersion, inputs: Any, prediction: Any) -> Row:
    scores = prediction[0]
    if is_multilabel(version):
        chosen = {each["label"] for each in scores if each["score"] >= CHOSEN_FROM}
        return _texts(inputs, tuple(label for label in version.labels if label in chosen))
    return _texts(inputs, (scores[0]["label"],))


def _said_spans(version: ModelVersion, inputs: Any, prediction: Any) -> Row:
    spans = [Span(start=each["start"], end=each["end"], label=each["entity_group"]) for each in prediction]
    return tagged(inputs, spans)


def _said_answer(version: ModelVersion, inputs: Any, prediction: Any) -> Row:
    best = prediction[0] if isinstance(prediction, list) else prediction
    answers = ((best["answer"], best["start"]),) if best["answer"] else ()
    return QARow(context=inputs["context"], question=inputs["question"], answers=answers)


SAID: Mapping[str, Callable[[ModelVersion, Any, Any], Row]] = {
    "classification": _said_labels,
    "ner": _said_spans,
    "qa": _said_answer,
}
