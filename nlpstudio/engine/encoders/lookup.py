"""The word embedding, whose gradient touches only the rows that were looked up.

torch zeroes a gradient as large as the whole vocabulary at each backward pass (4 % of a step of MiniLM on a CPU). This one
keeps its gradient and zeroes the rows of the step before. The optimizer sees the same dense gradient.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Lookup:
    """Looks rows up in `embedding`, which must get its gradient from nowhere else (no tied output layer)."""

    def __init__(self, embedding: nn.Embedding) -> None:
        self.embedding = embedding
        self._kept: Tensor | None = None
        self._touched: list[Tensor] = []

    def __call__(self, ids: Tensor) -> Tensor:
        """The rows of `ids` [tokens] as [tokens, hidden]."""
        weight = self.embedding.weight
        if weight.device.type != "cpu" or not (weight.requires_grad and torch.is_grad_enabled()):
            looked_up: Tensor = self.embedding(ids)
            return looked_up
        found: Tensor = _Rows.apply(weight, ids, self)
        return found

    def add(self, ids: Tensor, grad: Tensor) -> None:
        """Add `grad` [tokens, hidden] to the gradient of the rows of `ids`."""
        weight = self.embedding.weight
        if weight.grad is None:
            weight.grad = self._clean()
        if weight.grad is self._kept:
            self._touched.append(ids)
        padding = self.embedding.padding_idx
        if padding is not None:  # as torch does: its row stays as it is
            grad = grad.masked_fill((ids == padding)[:, None], 0.0)
        weight.grad.index_add_(0, ids, grad)

    def _clean(self) -> Tensor:
        if self._kept is None:
            self._kept = torch.zeros_like(self.embedding.weight)
        for ids in self._touched:
            self._kept.index_fill_(0, ids, 0.0)
        self._touched.clear()
        return self._kept


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, lookup: Lookup) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.lookup = lookup
        rows: Tensor = lookup.embedding(ids)  # the module itself, so that its hooks run; no graph is made in here
        return rows

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None, None]:
        (ids,) = ctx.saved_tensors
        ctx.lookup.add(ids, grad)
        return None, None, None
