"""What a training run is asked to do, as frozen and checked data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.jsonable import Jsonable


def _number(default: float, low: float, high: float, *, basic: bool = False) -> Any:
    """A numeric setting with inclusive bounds; `basic` ones stand unfolded in the form."""
    return field(default=default, metadata={"low": low, "high": high, "basic": basic})


def _choice(default: str, *choices: str, only: tuple[str, ...] = ()) -> Any:
    return field(default=default, metadata={"choices": choices, "only": only})


def _text(longest: int) -> Any:
    """A setting in free letters; empty by default."""
    return field(default="", metadata={"longest": longest})


def _of(tasks: str | tuple[str, ...], setting: Any) -> Any:
    """A setting that only `tasks` use."""
    only = (tasks,) if isinstance(tasks, str) else tasks
    return field(default=setting.default, metadata={**setting.metadata, "only": only})


PAIRS = ("translation", "summarization")
"""The tasks of an encoder with a decoder."""
MADE = ("pretraining", *PAIRS)
"""The tasks whose model may begin with random weights."""
SCRATCH = "from-scratch"
"""In place of a base model: random weights, and a tokenizer that is trained on the training rows."""


SHAPES: Mapping[str, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
}
"""Layers, hidden size and heads of the architectures known by a name, as in Turc et al. 2019 (arXiv:1908.08962).

An encoder with a decoder has so many layers in each.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainParams(Jsonable):
    """The hyper-parameters of a fine-tune. Bounds live in each field's metadata.

    `batch_size` is the effective batch: examples for each optimizer step. `micro_batch`
    (0 = the engine decides) splits it to fit the memory; it changes no result.
    `early_stopping` is the number of evaluations without a gain that are waited for (0 = off).
    `freeze_layers` counts from the embeddings up; with it the embeddings are frozen too.
    `layer_decay` multiplies the learning rate once for each layer below the head. A head that is new learns at
    `head_learning_rate` where that is more than `learning_rate`.
    `devices` above 1 trains in that many processes, each on a GPU of its own or on its share of the processors;
    it changes no result but by rounding and the places of dropout.
    `eval_steps` evaluates within an epoch too, each so many steps (0 = at the end of an epoch alone). `objective` is masked
    words with next-sentence prediction, with sentence order, or alone, or the next word (`clm`). `mask_share` of the tokens
    are to be guessed; `masking` takes single tokens, whole words, or spans of words. `architecture`, or `layers`, `hidden_size`
    and `heads` when it is "custom", are for a model that begins with random weights; `short_share` of the
    sequences of masked words are at most a quarter as long: in those a model soon learns to look at its neighbours.
    `source_language` and `target_language` are codes of a base model that tells languages apart, as "en_XX" of mBART's.
    `vocabulary` is how many tokens the tokenizer of a run from `SCRATCH` gets.
    `lora_rank` above 0 trains only the head and adapters of that rank, scaled by `lora_alpha` / `lora_rank`.
    """

    epochs: int = _number(3, 1, 1000, basic=True)
    learning_rate: float = _number(5e-5, 1e-8, 1.0, basic=True)
    batch_size: int = _number(16, 1, 4096, basic=True)
    max_length: int = _number(128, 8, 8192, basic=True)
    early_stopping: int = _number(2, 0, 100, basic=True)
    seed: int = _number(42, 0, 2**31 - 1)
    micro_batch: int = _number(0, 0, 4096)
    weight_decay: float = _number(0.01, 0.0, 1.0)
    warmup_ratio: float = _number(0.1, 0.0, 1.0)
    schedule: str = _choice("linear", "linear", "cosine", "constant")
    max_grad_norm: float = _number(1.0, 0.0, 1000.0)
    label_smoothing: float = _number(0.0, 0.0, 0.9)
    class_weights: str = _choice("none", "none", "balanced")
    attention_dropout: float = _number(0.0, 0.0, 0.9)
    freeze_embeddings: bool = False
    freeze_layers: int = _number(0, 0, 200)
    layer_decay: float = _number(1.0, 0.1, 1.0)
    head_learning_rate: float = _number(1e-3, 0.0, 1.0)
    lora_rank: int = _number(0, 0, 256)
    lora_alpha: int = _number(16, 1, 1024)
    lora_dropout: float = _number(0.0, 0.0, 0.9)
    doc_stride: int = _of("qa", _number(64, 1, 4096))
    threads: int = _number(0, 0, 256)
    devices: int = _number(1, 1, 64)
    objective: str = _choice("mlm_nsp", "mlm_nsp", "mlm_sop", "mlm", "clm", only=("pretraining",))
    architecture: str = _choice("mini", *SHAPES, "custom", only=MADE)
    layers: int = _of(MADE, _number(4, 1, 48))
    hidden_size: int = _of(MADE, _number(256, 16, 4096))
    heads: int = _of(MADE, _number(4, 1, 64))
    hidden_dropout: float = _of(MADE, _number(0.1, 0.0, 0.9))
    vocabulary: int = _of(PAIRS, _number(8000, 300, 250_000))
    source_language: str = _of(PAIRS, _text(20))
    target_language: str = _of(PAIRS, _text(20))
    masking: str = _choice("whole_word", "whole_word", "token", "span", only=("pretraining",))
    mask_share: float = _of("pretraining", _number(0.15, 0.01, 0.6))
    short_share: float = _of("pretraining", _number(0.9, 0.0, 1.0))
    eval_steps: int = _of("pretraining", _number(0, 0, 1_000_000))

    def __post_init__(self) -> None:
        for each in fields(self):
            _check(each.name, getattr(self, each.name), each.type, each.metadata)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, hidden size and heads of a model that is trained from random weights."""
        return SHAPES.get(self.architecture) or (self.layers, self.hidden_size, self.heads)

    def changed(self) -> dict[str, Any]:
        """The settings that differ from their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


OWN_SHAPE = frozenset({"layers", "hidden_size", "heads"})


def settings_in_use(task: str, params: Mapping[str, Any]) -> frozenset[str]:
    """Of the settings that mean something for `task`, those that these ones do not overrule: a named architecture brings its
    own shape.
    """
    return settings_of(task) - (frozenset() if params.get("architecture") == "custom" else OWN_SHAPE)


def settings_of(task: str) -> frozenset[str]:
    """The names of the settings in `TrainParams` that mean something for `task`."""
    return frozenset(each.name for each in fields(TrainParams) if task in each.metadata.get("only", (task,)))


def _check(name: str, value: Any, kind: Any, rule: Mapping[str, Any]) -> None:
    expected: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}
    is_bool = isinstance(value, bool)
    if not isinstance(value, expected[str(kind)]) or is_bool != (kind == "bool"):
        raise InvalidSpec(f"{name} must be {kind}, not {value!r}")
    if "choices" in rule and value not in rule["choices"]:
        raise InvalidSpec(f"{name} must be one of {', '.join(rule['choices'])}, not {value!r}")
    if "longest" in rule and len(str(value)) > rule["longest"]:
        raise InvalidSpec(f"{name} must have at most {rule['longest']} characters")
    if "low" in rule and not rule["low"] <= value <= rule["high"]:
        raise InvalidSpec(f"{name} must be between {rule['low']} and {rule['high']}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class TrainSpec(Jsonable):
    """A whole run: which task, from which base model, with which settings.

    The same JSON is stored on the run, given to the training process and written into
    the artifact's manifest. `base_model` is an id of the shelf.
    """

    task: str
    base_model: str
    params: TrainParams = field(default_factory=TrainParams)

    def __post_init__(self) -> None:
        if self.task not in CATALOGUE:
            raise InvalidSpec(f"unknown task {self.task!r}", hint=f"Known tasks: {', '.join(CATALOGUE)}.")
        if not self.base_model:
            raise InvalidSpec("base_model must not be empty", hint="Choose one from the shelf.")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build from `to_json`'s dict. Raises `InvalidSpec` for an unknown key or a bad value."""
        params = TrainParams.from_json(values.get("params", {}))
        return super().from_json({**values, "params": params})
