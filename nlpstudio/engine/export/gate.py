"""When an engine may answer in a model's name: how many predictions it may change, and what that may cost.

The limits are in `limits.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from nlpstudio.engine.export.limits import LIMITS
from nlpstudio.engine.inference import engines


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured of one engine. `metric` and `changed` are None when there were no rows to judge by.

    `changed` counts rows whose prediction differs from torch's; `request_ms` is processor time of one short request.
    """

    size_bytes: int
    request_ms: float
    rows: int = 0
    metric: float | None = None
    changed: int | None = None

    @property
    def changed_share(self) -> float | None:
        return None if self.changed is None or not self.rows else self.changed / self.rows

    def to_json(self) -> dict[str, float | int | None]:
        return {**asdict(self), "changed_share": self.changed_share}


def reason_against(engine: str, figures: Figures, torch: Figures) -> str:
    """Why the engine may not be chosen by itself, as a code: "rows", "changed" or "loss"; empty when it may."""
    limits = LIMITS.get(engine)
    if limits is None:
        return ""
    if figures.rows < limits.rows:
        return "rows"
    if figures.changed_share is not None and figures.changed_share > limits.changed:
        return "changed"
    if figures.metric is not None and torch.metric is not None and torch.metric - figures.metric > limits.loss:
        return "loss"
    return ""


def choose(figures: Mapping[str, Figures]) -> str:
    """The fastest engine that nothing speaks against. torch is always one."""
    torch = figures[engines.TORCH]
    fit = [name for name, each in figures.items() if not reason_against(name, each, torch)]
    return min(fit, key=lambda name: figures[name].request_ms)
