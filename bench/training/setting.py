"""What one child process of the benchmark is asked to do, and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nlpstudio.engine.jsonable import Jsonable

LEARNING_RATE = 5e-5
SEED = 42
DOC_STRIDE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Jsonable):
    """One cell of the table: `steps` timed optimizer steps of `batch_size` examples after the warm-up.

    The examples are `steps` + warm-up batches drawn evenly over the lengths of `pool` rows.
    """

    data: str
    model: str
    max_length: int
    batch_size: int
    steps: int
    pool: int = 5000
    validation: int = 200
    seed: int = SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Jsonable):
    """What one contender did in its timed steps. Seconds and memory are those of its own process.

    `needed_flops` is the multiplications and additions that the plain model needs for a real token, forward and
    backward; `least_flops` leaves out what a first-token head does not read. `examples_sha256` is the
    same for contenders that trained on the same token ids.
    """

    contender: str
    precision: str
    path: str
    steps: int
    samples: int
    real_tokens: int
    computed_tokens: int
    cpu_seconds: float
    wall_seconds: float
    peak_rss_mb: float
    start_rss_mb: float
    needed_flops: float
    least_flops: float
    examples_sha256: str
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def tokens_per_cpu_second(self) -> float:
        return self.real_tokens / self.cpu_seconds

    def summary(self) -> dict[str, Any]:
        """The rates that the tables show."""
        return {
            "samples_per_cpu_s": self.samples / self.cpu_seconds,
            "tokens_per_cpu_s": self.tokens_per_cpu_second,
            "samples_per_s": self.samples / self.wall_seconds,
            "tokens_per_s": self.real_tokens / self.wall_seconds,
            "gflops": self.tokens_per_cpu_second * self.needed_flops / 1e9,
        }
