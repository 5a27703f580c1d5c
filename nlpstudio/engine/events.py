"""What a training process says while it works: one JSON object a line.

Kinds and fields are a contract (architecture 5.4). `seq` counts from 1 and `at` is
seconds since 1970 in UTC; both are given by whoever writes the event down.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nlpstudio.engine.errors import EngineError

STEP_EVENTS_PER_SECOND = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """The event's own fields with its kind first."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(Event):
    """Data is tokenised and the model stands on its device. `path` is "packed" or "padded".

    `ceiling_tokens_per_s` is the pace at which a pre-training would only multiply matrices, 0 where it was not measured.
    """

    kind = "prepared"
    rows: dict[str, int]
    tokens: int
    steps: int
    truncated: float
    device: str
    precision: str
    threads: int
    path: str
    resumed_from: int = 0
    ceiling_tokens_per_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Event):
    """An optimizer step was made. `loss` is the mean since the last such event."""

    kind = "step"
    step: int
    epoch: float
    loss: float
    lr: float
    grad_norm: float
    tokens_per_s: float
    memory_bytes: int
    eta_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated(Event):
    """A split was scored. `metrics` is flat: name to number. `samples` show what the model says of fixed texts, where a task has such."""

    kind = "evaluated"
    step: int
    epoch: float
    split: str
    metrics: dict[str, float]
    samples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Event):
    """A checkpoint stands on disk. `best` says whether it is the best so far."""

    kind = "saved"
    step: int
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something a person should know that does not end the run."""

    kind = "warning"
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The artifact stands whole at `artifact`. `metrics` maps a split to its flat metrics."""

    kind = "finished"
    best_step: int
    metrics: dict[str, dict[str, float]]
    artifact: str
    weights_sha256: str
    environment: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """The run ended without an artifact, in words."""

    kind = "failed"
    code: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, error: EngineError) -> Failed:
        """The event that tells of `error`."""
        return cls(code=error.code, message=error.message, hint=error.hint)


KINDS: Mapping[str, type[Event]] = {
    kind.kind: kind for kind in (Prepared, Step, Evaluated, Saved, Warned, Finished, Failed)
}


def from_json(values: Mapping[str, Any]) -> Event:
    """Read an event back. Raises `KeyError` for an unknown kind and `TypeError` for wrong fields."""
    rest = {key: value for key, value in values.items() if key not in ("kind", "seq", "at")}
    return KINDS[values["kind"]](**rest)
