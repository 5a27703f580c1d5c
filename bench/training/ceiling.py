"""How fast this machine multiplies matrices: `python -m bench.training.ceiling MODEL` in a process of its own.

The shapes are those of the model's linear layers at 2,048 tokens, weighted as a layer has them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AutoConfig

from bench.training import models
from nlpstudio.engine.encoders import products

Product = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
TOKENS = 2048
SECONDS = 0.4


def measure(model: str) -> dict[str, float]:
    """GFLOP/s of one thread's CPU-second, for fp32 (by the faster of torch's two libraries) and bf16."""
    config: Any = AutoConfig.from_pretrained(models.folder_of(model), local_files_only=True)
    hidden, inner = config.hidden_size, config.intermediate_size
    shapes = {(hidden, hidden): 4, (hidden, inner): 1, (inner, hidden): 1}
    kinds = (("fp32", torch.float32), ("bf16", torch.bfloat16))
    rates = {name: _rate(shapes, dtype, F.linear) for name, dtype in kinds}
    if products.fastest() == products.ONEDNN:
        rates["fp32"] = max(rates["fp32"], _rate(shapes, torch.float32, products.linear))
    return rates


def _rate(shapes: dict[tuple[int, int], int], dtype: torch.dtype, product: Product) -> float:
    flops = seconds = 0.0
    for (inputs, outputs), weight in shapes.items():
        work = 2.0 * TOKENS * inputs * outputs * weight
        flops += work
        seconds += work / _products(inputs, outputs, dtype, product)
    return flops / seconds / 1e9


def _products(inputs: int, outputs: int, dtype: torch.dtype, product: Product) -> float:
    """Median operations per CPU-second of one shape."""
    x, weight = torch.randn(TOKENS, inputs, dtype=dtype), torch.randn(outputs, inputs, dtype=dtype)
    product(x, weight, None)
    taken: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(taken) < 5:
        begin = time.process_time()
        product(x, weight, None)
        taken.append(time.process_time() - begin)
    return 2.0 * TOKENS * inputs * outputs / sorted(taken)[len(taken) // 2]


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measure(sys.argv[1])))
