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

    def __call__(self, x: Tensor, p: float, *, plus: Tensor | None = None) -> Tensor:
        """Zero each value with probability round(256 p) / 256, scale up the rest, and add `plus`."""
        threshold = round(p * 256)
        if threshold == 0:
            return x if plus is None else x + plus
        factor = self._factor(x, threshold)
        dropped: Tensor = _Drop.apply(x, factor) if plus is None else _DropAndAdd.apply(x, factor, plus)
        return dropped

    def _factor(self, x: Tensor, threshold: int) -> Tensor:
        """0 or the scale for each value of `x`, in its type."""
        words: np.ndarray[Any, np.dtype[np.uint64]] = self._bits.random_raw((x.numel() + 7) // 8)
        drawn = torch.from_numpy(words.view(np.uint8)[: x.numel()]).view(x.shape)
        return drawn.ge_(threshold).to(x.dtype).mul_(256.0 / (256 - threshold))

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
    def forward(ctx: FunctionCtx, x: Tensor, factor: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return x * factor

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return grad * factor, None


class _DropAndAdd(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, factor: Tensor, plus: Tensor) -> Tensor:
        ctx.save_for_backward(factor)
        return torch.addcmul(plus, x, factor)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, Tensor]:
        (factor,) = ctx.saved_tensors
        return grad * factor, None, grad
