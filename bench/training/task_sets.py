"""The real data that each task is proved on, and what one contender made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nlpstudio.engine.jsonable import Jsonable

METRICS = {"classification": ("accuracy",), "ner": ("f1",), "qa": ("exact_match", "f1")}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet(Jsonable):
    """Rows, base model and settings, the same for both contenders.

    `precision` is that of transformers' recipe; "" gives it the faster one of the machine, as the product chooses it.
    """

    name: str
    task: str
    data: str
    model: str
    rows: int
    held_out: int
    epochs: int
    max_length: int
    batch_size: int
    learning_rate: float = 5e-5
    precision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Jsonable):
    """One whole fine-tune: its scores on the held-out rows, and the CPU-seconds from rows to predictions."""

    contender: str
    seed: int
    precision: str
    cpu_seconds: float
    scores: dict[str, float] = field(default_factory=dict)


SETS: Mapping[str, TaskSet] = {
    each.name: each
    for each in (
        TaskSet(
            name="wikiann-en", task="ner", data="wikiann", model="minilm",
            rows=1500, held_out=1000, epochs=3, max_length=128, batch_size=8, precision="fp32",
        ),
        TaskSet(
            name="msra-zh", task="ner", data="msra_ner-short", model="e5-zhchar",
            rows=700, held_out=800, epochs=4, max_length=128, batch_size=8, learning_rate=1e-4,
        ),
        TaskSet(
            name="lcqmc-zh", task="classification", data="lcqmc", model="e5-zh",
            rows=500, held_out=600, epochs=3, max_length=128, batch_size=8, learning_rate=1e-4,
        ),
        TaskSet(
            name="xquad-en", task="qa", data="xquad-short", model="minilm",
            rows=500, held_out=200, epochs=4, max_length=256, batch_size=8, learning_rate=1e-4,
        ),
        TaskSet(
            name="xquad-zh", task="qa", data="xquad-zh-short", model="e5-zhchar",
            rows=200, held_out=150, epochs=3, max_length=256, batch_size=8, learning_rate=1e-4,
        ),
        TaskSet(
            name="cmrc2018-zh", task="qa", data="cmrc2018-short", model="e5-zhchar",
            rows=160, held_out=150, epochs=3, max_length=384, batch_size=8, learning_rate=1e-4,
        ),
    )
}  # fmt: skip
