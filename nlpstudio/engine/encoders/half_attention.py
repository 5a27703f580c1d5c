"""Self-attention of one chunk in half precision on a CPU, as three matrix products and a softmax.

torch's flash attention for CPUs is slower in bf16 than in fp32, while products of bf16 matrices are several times as fast;
at fine-tuning's lengths the matrix of probabilities is small enough to be kept. (Measured on an AMD EPYC with
avx512_bf16, forward and backward of [8 rows, 128 tokens, 12 heads]: 4.7 ms, against 10.4 for flash in fp32.)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nlpstudio.engine.encoders.packing import Chunk

LONGEST = 384  # tokens: beyond, the probabilities take more memory than they are worth


def suits(query_key_value: Tensor, chunk: Chunk) -> bool:
    """Whether this way is the better one."""
    return query_key_value.device.type == "cpu" and query_key_value.dtype == torch.bfloat16 and chunk.width <= LONGEST


def attend(query_key_value: Tensor, chunk: Chunk, heads: int) -> Tensor:
    """Attention of packed [tokens, 3 * hidden] to [tokens, hidden], without dropout."""
    attended: Tensor = _Attention.apply(query_key_value, chunk, heads)
    return attended


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query_key_value: Tensor, chunk: Chunk, heads: int) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            parts = _by_head(query_key_value, chunk, 3 * heads).view(chunk.rows, 3, heads, chunk.width, -1)
            query, key, value = (part.reshape(chunk.rows * heads, chunk.width, -1) for part in parts.unbind(1))
            query = query * query.shape[-1] ** -0.5
            scores = torch.bmm(query, key.transpose(1, 2))
            if chunk.mask is not None:
                scores.view(chunk.rows, -1, chunk.width).masked_fill_(~chunk.mask[:, 0], float("-inf"))
            chances = torch.softmax(scores, dim=-1)
            ctx.save_for_backward(query, key, value, chances)
            ctx.chunk, ctx.heads = chunk, heads
            return _by_token(torch.bmm(chances, value).view(chunk.rows, heads, chunk.width, -1), chunk)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        query, key, value, chances = ctx.saved_tensors
        chunk, heads = ctx.chunk, ctx.heads
        grad = _by_head(grad, chunk, heads).view_as(value)
        of_chances = torch.bmm(grad, value.transpose(1, 2))
        of_scores = torch._softmax_backward_data(of_chances, chances, -1, chances.dtype)
        gradients = grad.new_empty(chunk.rows, 3, heads, *query.shape[1:])
        shape = (chunk.rows, heads, *query.shape[1:])
        gradients[:, 0] = torch.bmm(of_scores, key).mul_(query.shape[-1] ** -0.5).view(shape)
        gradients[:, 1] = torch.bmm(of_scores.transpose(1, 2), query).view(shape)
        gradients[:, 2] = torch.bmm(chances.transpose(1, 2), grad).view(shape)
        return _by_token(gradients.view(chunk.rows, 3 * heads, *query.shape[1:]), chunk), None, None


def _by_head(tokens: Tensor, chunk: Chunk, parts: int) -> Tensor:
    """Packed [tokens, parts * d] as [rows, parts, width, d], zero where padded."""
    if chunk.real is not None:
        tokens = tokens.new_zeros(chunk.rows * chunk.width, tokens.shape[1]).index_copy_(0, chunk.real, tokens)
    return tokens.view(chunk.rows, chunk.width, parts, -1).transpose(1, 2).contiguous()


def _by_token(values: Tensor, chunk: Chunk) -> Tensor:
    """[rows, parts, width, d] as packed [tokens, parts * d]."""
    flat = values.transpose(1, 2).reshape(chunk.rows * chunk.width, -1)
    return flat if chunk.real is None else flat.index_select(0, chunk.real)
