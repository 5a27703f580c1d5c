"""Texts to classify as Hugging Face's clients send them, and what they may ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nlpstudio.engine.data.rows import ClassificationRow
from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.shapes import Parameters

KNOWN = ("top_k", "function_to_apply", "abstain_below")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The parameters of a request. `abstain_below` asks for calibrated scores and who is to decide."""

    function: str
    top_k: int | None = None
    abstain_below: float | None = None


def parse(inputs: Any) -> list[ClassificationRow]:
    """A text, `{"text", "text_pair"}`, or a list of these, as rows. Raises `UnsuitableInput`."""
    given = inputs if isinstance(inputs, list) else [inputs]
    if not given:
        raise UnsuitableInput("inputs is empty", hint="Give a text or a list of texts.")
    return [_row_of(each) for each in given]


def options(parameters: Parameters, default: str) -> Options:
    """Check a request's parameters; `default` is the function of the model's kind. Raises `UnsuitableInput`."""
    given = {key: value for key, value in parameters.items() if value is not None}
    unknown = sorted(set(given) - set(KNOWN))
    if unknown:
        raise UnsuitableInput(f"unknown parameter: {', '.join(unknown)}", hint=f"Known: {', '.join(KNOWN)}.")
    top_k, function, below = given.get("top_k"), given.get("function_to_apply", default), given.get("abstain_below")
    if top_k is not None and (not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1):
        raise UnsuitableInput(f"top_k must be a whole number from 1 up, not {top_k!r}")
    if function not in ("softmax", "sigmoid", "none"):
        raise UnsuitableInput(f"function_to_apply must be softmax, sigmoid or none, not {function!r}")
    if below is not None and (not isinstance(below, int | float) or isinstance(below, bool) or not 0 <= below <= 1):
        raise UnsuitableInput(f"abstain_below must be a number from 0 to 1, not {below!r}")
    if below is not None and function != default:
        raise UnsuitableInput(
            f"abstain_below is a probability of {default}, so that function_to_apply cannot be {function}"
        )
    return Options(function=function, top_k=top_k, abstain_below=below)


def _row_of(given: Any) -> ClassificationRow:
    values = {"text": given} if isinstance(given, str) else given
    if not isinstance(values, dict) or not isinstance(values.get("text"), str) or set(values) - {"text", "text_pair"}:
        raise UnsuitableInput("each input must be a text or an object with text and text_pair")
    pair = values.get("text_pair")
    if pair is not None and not isinstance(pair, str):
        raise UnsuitableInput("text_pair must be a text")
    if not values["text"].strip():
        raise UnsuitableInput("the text is empty", hint="Give some text to classify.")
    return ClassificationRow(text=values["text"], text_pair=pair, labels=())
