"""How a text is to be written, checked: length, sampling, beams and where to stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from nlpstudio.engine.errors import UnsuitableInput

STOPS_MOST = 16
IGNORED = frozenset((
    "details", "return_full_text", "clean_up_tokenization_spaces", "truncation", "truncate", "src_lang", "tgt_lang",
    "best_of", "watermark", "adapter_id", "decoder_input_details", "grammar", "top_n_tokens", "typical_p",
    "frequency_penalty", "presence_penalty", "early_stopping", "min_length", "use_cache",
))  # fmt: skip
"""Parameters of Hugging Face's clients that mean nothing here, or only for the answer's shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingOptions:
    """`temperature` 0 takes the likeliest token each time. `top_k` 0 and `top_p` 1 leave all tokens to draw from.

    `beams` above 1 search instead of drawing. `stop` are texts that end the writing and are not part of it.
    `length_penalty` above 1 makes beams prefer long texts.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    beams: int = 1
    length_penalty: float = 1.0

    @classmethod
    def of(cls, given: Mapping[str, Any], defaults: Mapping[str, Any], *, most_tokens: int) -> Self:
        """From Hugging Face's parameters over `defaults` (fields of this class). Raises `UnsuitableInput`."""
        named = {key: value for key, value in given.items() if value is not None}
        nested = named.pop("generate_parameters", None) or {}
        if not isinstance(nested, Mapping):
            raise UnsuitableInput("generate_parameters must be an object")
        named |= nested
        unknown = sorted(set(named) - set(_READ) - IGNORED - {"do_sample"})
        if unknown:
            raise UnsuitableInput(f"unknown parameter: {', '.join(unknown)}", hint=f"Known: {', '.join(_READ)}.")
        values = dict(defaults)
        for name, value in named.items():
            if name in _READ:
                field, read = _READ[name]
                values[field] = read(name, value)
        draws = named.get("do_sample")
        if draws is False:
            values["temperature"] = 0.0
        elif "temperature" not in named and (draws or {"top_p", "top_k"} & set(named)):
            values["temperature"] = values.get("temperature") or 1.0
        options = cls(**values)
        if options.max_new_tokens > most_tokens:
            raise UnsuitableInput(
                f"max_new_tokens is {options.max_new_tokens}, but the model writes at most {most_tokens} tokens"
            )
        return options


def _whole(low: int, high: int) -> Any:
    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise UnsuitableInput(f"{name} must be a whole number from {low} to {high}, not {value!r}")
        return value

    return read


def _real(low: float, high: float) -> Any:
    def read(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise UnsuitableInput(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
        return float(value)

    return read


def _stops(name: str, value: Any) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise UnsuitableInput(f"{name} must be a text or a list of texts")
    if len(given) > STOPS_MOST:
        raise UnsuitableInput(f"{name} may hold {STOPS_MOST} texts")
    return tuple(each for each in given if each)


_TOKENS = _whole(1, 32_768)
_READ: Mapping[str, tuple[str, Any]] = {
    "max_new_tokens": ("max_new_tokens", _TOKENS),
    "max_length": ("max_new_tokens", _TOKENS),
    "max_tokens": ("max_new_tokens", _TOKENS),
    "temperature": ("temperature", _real(0.0, 10.0)),
    "top_p": ("top_p", _real(0.0, 1.0)),
    "top_k": ("top_k", _whole(0, 1_000_000)),
    "repetition_penalty": ("repetition_penalty", _real(0.1, 10.0)),
    "seed": ("seed", _whole(0, 2**63 - 1)),
    "stop": ("stop", _stops),
    "num_beams": ("beams", _whole(1, 16)),
    "length_penalty": ("length_penalty", _real(-10.0, 10.0)),
}
