"""Linear layers on a CPU by whichever library multiplies matrices faster there.

torch gives fp32 products to MKL, which takes its wide instructions only on processors of its own maker: on an AMD EPYC
with AVX-512 it was measured at 111 GFLOP/s a core where oneDNN, which torch brings too, reaches 250. Both are fp32, and
equal to rounding. The choice is one for the process, like torch's count of threads.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from nlpstudio.engine.encoders import probing

TORCH, ONEDNN = "torch", "onednn"
MULTIPLE = 64  # of tokens: oneDNN compiles a kernel for each new shape
WORTH_IT = 1.2

_chosen: list[str] = []


def use(name: str | None = None) -> str:
    """Choose for this process: `TORCH`, `ONEDNN`, or None for the faster one. Returns the choice."""
    _chosen[:] = [name if name in (TORCH, ONEDNN) else fastest()]
    return _chosen[0]


def chosen() -> str:
    """The choice of this process, made now if it was not yet."""
    return _chosen[0] if _chosen else use()


@cache
def fastest() -> str:
    """The library whose products are faster on this CPU, by measuring both for a moment."""
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")):
        return TORCH
    x, weight = torch.ones(512, 512), torch.ones(512, 512)
    ours, torchs = probing.rates([lambda: _product(x, weight), lambda: F.linear(x, weight)])
    return ONEDNN if ours > WORTH_IT * torchs else TORCH


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.linear` of [tokens, inputs] by the chosen library; half precision and other devices are torch's own."""
    exact = x.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled(x.device.type)
    if x.device.type == "cpu" and exact and chosen() == ONEDNN:
        product: Tensor = _Linear.apply(x, weight, bias)
        return product
    return F.linear(x, weight, bias)


def through(module: nn.Module, x: Tensor) -> Tensor:
    """`module(x)` of a linear layer, by the chosen library unless something stands in between (adapters)."""
    if type(module) is nn.Linear:
        return linear(x, module.weight, module.bias)
    through_it: Tensor = module(x)
    return through_it


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _product(grad, weight.t()) if of_x else None,
            _of_weight(x, grad) if of_weight else None,
            grad.sum(0) if of_bias else None,
        )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias by oneDNN; both may be transposed views."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def _of_weight(x: Tensor, grad: Tensor) -> Tensor:
    """The weight's gradient [outputs, inputs], transposing the smaller of the two: oneDNN wants the first one's rows whole."""
    return _product(x.t(), grad.t()).t() if x.shape[1] < grad.shape[1] else _product(grad.t(), x.t())
