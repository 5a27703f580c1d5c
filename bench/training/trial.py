"""A whole training run whose validation accuracy is followed, and the course it took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from nlpstudio.engine.jsonable import Jsonable

TRAINER = "trainer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Jsonable):
    """`recipe` is "trainer" or the name of ours with `params` (of `TrainParams`) in place of the defaults.

    Trainer's recipe is its defaults (3 epochs, 5e-5, linear decay, no warm-up) with dynamic padding.
    """

    data: str
    folder: str
    model: str
    rows: int
    validation: int
    max_length: int
    batch_size: int
    epochs: int
    every: int
    seed: int
    recipe: str
    params: dict[str, Any] = field(default_factory=dict)
    precision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Validation accuracy after `step` optimizer steps and `cpu` seconds of training."""

    step: int
    cpu: float
    wall: float
    accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The points of one trial; the last one is at its end."""

    trial: Trial
    precision: str
    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        return self.points[-1]

    def reaches(self, accuracy: float) -> Point | None:
        """The first point that is at least that good."""
        return next((point for point in self.points if point.accuracy >= accuracy), None)

    def to_json(self) -> dict[str, Any]:
        points = [[p.step, round(p.cpu, 3), round(p.wall, 3), p.accuracy] for p in self.points]
        return {"trial": self.trial.to_json(), "precision": self.precision, "points": points}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        points = tuple(Point(step=s, cpu=c, wall=w, accuracy=a) for s, c, w, a in values["points"])
        return cls(trial=Trial.from_json(values["trial"]), precision=values["precision"], points=points)
