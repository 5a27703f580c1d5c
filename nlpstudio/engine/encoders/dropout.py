"""Dropout from a fast generator of bytes, whose state a checkpoint can hold.

On a CPU `torch.nn.functional.dropout` spends a tenth of a training step on drawing floats. One random byte
for each value is enough: the rate is rounded to 1/256 (0.1 becomes 26/256 = 0.1016).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


class ByteDropout:
    """Inverted dropout with bytes of numpy's SFC64."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.SFC64(seed)

    def __call__(self, x: Tensor, p: float) -> Tensor:
        """Zero each value with probability round(256 p) / 256 and scale up the rest."""
        threshold = round(p * 256)
        if threshold == 0:
            return x
        return _Drop.apply(x, self._keep(x, threshold), 256.0 / (256 - threshold))  # type: ignore[no-any-return]  # apply() is untyped

    def _keep(self, x: Tensor, threshold: int) -> Tensor:
        words: np.ndarray[Any, np.dtype[np.uint64]] = self._bits.random_raw((x.numel() + 7) // 8)
        drawn = torch.from_numpy(words.view(np.uint8)[: x.numel()]).view(x.shape)
        return drawn.ge_(threshold).view(torch.bool)  # in place: the bytes become 0 or 1, which is a bool

    def state(self) -> dict[str, Any]:
        """The generator's state as JSON values."""
        state: dict[str, Any] = dict(self._bits.state)
        words = [int(word) for word in state["state"]["state"]]
        return {"words": words, "has_uint32": int(state["has_uint32"]), "uinteger": int(state["uinteger"])}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self._bits.state = {
            "bit_generator": "SFC64",
            "state": {"state": np.array(state["words"], dtype=np.uint64)},
            "has_uint32": state["has_uint32"],
            "uinteger": state["uinteger"],
        }


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, keep: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(keep)
        ctx.scale = scale  # type: ignore[attr-defined]  # torch's way to hand values to backward
        return torch.mul(x, keep).mul_(scale)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (keep,) = ctx.saved_tensors
        return torch.mul(grad, keep).mul_(ctx.scale), None, None
