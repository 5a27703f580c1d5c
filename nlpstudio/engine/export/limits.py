"""What an engine may change and cost before it may not answer in a model's name: all limits, for the job and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nlpstudio.engine.inference import engines


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`changed` is the largest share of rows with another prediction, `loss` of the deciding metric (0.005 = half a
    point); an engine is judged on at least `rows` rows, or not chosen.
    """

    changed: float
    loss: float
    rows: int


LIMITS: Mapping[str, Limits] = {
    engines.FP32: Limits(changed=0.001, loss=0.001, rows=0),
    engines.INT8: Limits(changed=0.02, loss=0.005, rows=100),
}
"""fp32 differs by rounding only, so next to nothing may change. With fewer than 100 rows 2 % is not even two of them."""
