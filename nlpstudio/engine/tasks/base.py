"""What a task is: how rows become sequences, outputs a loss, and logits predictions and scores.

The loop, the evaluation and the predictor know tasks only through this protocol. A row may become several
examples (overlapping windows); `decode` puts their outputs together again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypedDict, TypeVar, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.shapes import Parameters
from nlpstudio.engine.spec import TrainParams

R = TypeVar("R", bound=Row)
E = TypeVar("E", bound=Example)
P = TypeVar("P")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a task works with besides rows.

    `labels` name the model's outputs in order. `max_length` is in tokens, special ones included, and never more
    than the model takes. `class_weights` are given in training only. `decision` is how predictions are drawn from
    logits, as `Task.tune` found it: JSON values, kept in the model's config under the same name.
    """

    labels: tuple[str, ...]
    max_length: int
    multilabel: bool = False
    params: TrainParams = field(default_factory=TrainParams)
    class_weights: tuple[float, ...] | None = None
    decision: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded(Generic[E]):
    """Rows as sequences. `truncated` counts the rows that were cut short."""

    examples: list[E]
    truncated: int = 0


class Report(TypedDict, total=False):
    """The scores of one split: `metrics` is flat; tables are there when the task has them."""

    rows: int
    metrics: dict[str, float]
    per_label: list[dict[str, Any]]
    confusion: dict[str, Any]
    by_question_word: list[dict[str, Any]]
    by_answer_length: list[dict[str, Any]]
    calibration: dict[str, Any]
    samples: list[dict[str, Any]]
    written: dict[str, Any]


class Task(Protocol[R, E, P]):
    """One NLP task. `name` is a key of the catalogue; `P` is the task's own prediction of one row.

    `input_names` are a request's columns in order, `model_class` is the `AutoModelFor…` that plain transformers loads the artifact with, `pipeline_tag` the
    Hub's name of the task, `schema` that of the records of predictions.
    """

    @property
    def name(self) -> str: ...

    @property
    def pipeline_tag(self) -> str: ...

    @property
    def input_names(self) -> tuple[str, ...]: ...

    @property
    def model_class(self) -> Any: ...

    @property
    def schema(self) -> pa.Schema: ...

    def outputs(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The names of the model's outputs, from the labels of a data set."""
        ...

    def config(self, setup: Setup) -> dict[str, Any]:
        """What the model's config needs besides the label map."""
        ...

    def encode(
        self, rows: Sequence[R], tokenizer: PreTrainedTokenizerBase, setup: Setup, *, first: int = 0
    ) -> Encoded[E]:
        """Tokenise rows, of which the first is number `first` of its split. Rows may be without labels.

        The result is kept and used again (`training.token_cache`), so it must follow from rows, tokenizer and setup
        alone, without the settings in `token_cache.NOT_OF_TOKENS`. A task whose encoding does not depend on the seed
        says so by `encodes_by_chance = False`.
        """
        ...

    def balance(self, examples: Sequence[E], setup: Setup) -> tuple[float, ...] | None:
        """A weight for each output that makes rare ones count as much as frequent ones, where that has a sense."""
        ...

    def weight(self, examples: Sequence[E], setup: Setup) -> float:
        """What the summed loss of `examples` is to be divided by to be a mean."""
        ...

    def loss(self, logits: Tensor, examples: Sequence[E], setup: Setup) -> Tensor:
        """The summed training loss of an encoder's output for `examples`."""
        ...

    def decode(
        self, rows: Sequence[R], examples: Sequence[E], logits: Sequence[NDArray[np.float32]], setup: Setup
    ) -> list[P]:
        """One prediction for each row, from the encoder's verdict on each of its examples."""
        ...

    def tune(self, rows: Sequence[R], predictions: Sequence[P], setup: Setup) -> dict[str, Any]:
        """The best `Setup.decision` for validation rows; empty for a task that has nothing to decide."""
        ...

    def score(self, rows: Sequence[R], predictions: Sequence[P], setup: Setup) -> Report:
        """Judge predictions by the rows' labels. `metrics` holds the catalogue's `best_by` and "loss"."""
        ...

    def records(self, rows: Sequence[R], predictions: Sequence[P], setup: Setup) -> list[dict[str, Any]]:
        """One record a row in `schema`."""
        ...

    def example(self, row: R) -> dict[str, Any]:
        """The row's input (without its label), as the demo page offers it to try."""
        ...

    def parse(self, inputs: Any) -> list[R]:
        """The `inputs` of an inference request as rows without labels. Raises `UnsuitableInput`."""
        ...

    def adapt(self, setup: Setup, parameters: Parameters) -> Setup:
        """The setup under which a request with these parameters is encoded and decoded."""
        ...

    def respond(
        self, inputs: Any, rows: Sequence[R], predictions: Sequence[P], parameters: Parameters, setup: Setup
    ) -> Any:
        """The answer in Hugging Face's shape. Raises `UnsuitableInput` for unknown parameters."""
        ...


@runtime_checkable
class Renewing(Protocol):
    """A task whose training examples are made anew: other words are masked in each epoch."""

    def renew(self, examples: Sequence[Any], setup: Setup, epoch: int) -> list[Any]:
        """The examples of one optimizer step as `epoch` trains on them: as long as before, the same under the same seed."""
        ...


@runtime_checkable
class Building(Protocol):
    """A task that makes its model itself: some begin without weights."""

    def build(self, folder: Path, setup: Setup) -> PreTrainedModel:
        """The model to train, from what lies in `folder`. Raises `BaseModelRefused` and `InvalidSpec`."""
        ...


@runtime_checkable
class Sampling(Protocol):
    """A task that shows at each evaluation what the model says of a few fixed texts."""

    def sampler(
        self, rows: Sequence[Any], tokenizer: PreTrainedTokenizerBase, setup: Setup
    ) -> Callable[[Any], list[dict[str, Any]]]:
        """A function of the model that gives the samples as JSON values; it draws no random number and leaves the mode."""
        ...


AnyTask = Task[Any, Any, Any]
