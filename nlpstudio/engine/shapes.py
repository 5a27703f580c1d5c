"""The shapes of predictions, word for word those of Hugging Face inference."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class LabelScore(TypedDict):
    """One label of a classifier with its probability.

    `abstained` is there when it was asked for: the decision is less sure than wanted and should be a person's.
    """

    label: str
    score: float
    abstained: NotRequired[bool]


class Entity(TypedDict):
    """A found span; `start` and `end` are code points of the original text, end exclusive."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class TokenTag(TypedDict):
    """One tagged token, as `aggregation_strategy="none"` answers it."""

    entity: str
    score: float
    index: int
    word: str
    start: int
    end: int


class Answer(TypedDict):
    """An answer found in the context; an empty `answer` means that there is none."""

    answer: str
    score: float
    start: int
    end: int


Prediction = list[list[LabelScore]] | list[Entity] | list[TokenTag] | list[list[Entity]] | Answer | list[Answer]
Parameters = dict[str, Any]
