"""How many tokens a second a run could learn from if its device did nothing but multiply matrices: the ceiling of its pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from nlpstudio.engine.encoders import products
from nlpstudio.engine.hardware import Hardware
from nlpstudio.engine.inference import inside

TOKENS = 2048
SLICE_SECONDS = 0.1
LEAST_CALLS = 3
EXAMPLES = 256


def tokens_per_s(
    model: PreTrainedModel, examples: Sequence[Any], lengths: NDArray[np.int64], hardware: Hardware
) -> float:
    """For a model that learns to guess the `targets` of `examples`; 0 when some of its weights stand still.

    Measured for a moment with the shapes of the model's own layers, in the run's precision and with all its threads.
    """
    if not all(parameter.requires_grad for parameter in model.parameters()):
        return 0.0
    some = [examples[at] for at in range(min(len(examples), EXAMPLES))]
    guessed = sum(len(each.targets) for each in some) / sum(len(each) for each in some)
    return operations_a_second(inside.shape(model), hardware) * hardware.devices / operations(model, lengths, guessed)


def operations(model: PreTrainedModel, lengths: NDArray[np.int64], guessed: float) -> float:
    """Of learning from one token: forward, and twice as much backward. The head sees only the share that is `guessed`."""
    seen = float((lengths * lengths).sum() / lengths.sum())
    shape = inside.shape(model)
    parts = {part["name"]: part["flops"] / round(seen) for part in inside.parts(model, round(seen))}
    unseen = 2 * seen * shape["hidden"] * shape["layers"] if shape["kind"] == "decoder" else 0.0
    return float(3 * (parts["attention"] + parts["feed_forward"] - unseen + guessed * parts["head"]))


def operations_a_second(shape: dict[str, Any], hardware: Hardware) -> float:
    """What the device does in the matrix products of a layer of this shape, the fastest of each."""
    hidden, inner = shape["hidden"], shape["feed_forward"]
    work = seconds = 0.0
    for inputs, outputs, times in ((hidden, hidden, 4), (hidden, inner, 1), (inner, hidden, 1)):
        work += times * 2.0 * TOKENS * inputs * outputs
        seconds += times * _fastest(_product(inputs, outputs, hardware))
    return work / seconds


def _product(inputs: int, outputs: int, hardware: Hardware) -> Callable[[], None]:
    dtype = torch.float32 if hardware.precision == "fp32" else torch.bfloat16
    x, weight = (torch.ones(size, inputs, dtype=dtype, device=hardware.device) for size in (TOKENS, outputs))

    def call() -> None:
        products.linear(x, weight, None)
        if hardware.device.type == "cuda":
            torch.cuda.synchronize(hardware.device)

    return call


def _fastest(call: Callable[[], None]) -> float:
    """Seconds of the fastest of some calls, after one that is not counted."""
    call()
    taken: list[float] = []
    end = time.perf_counter() + SLICE_SECONDS
    while time.perf_counter() < end or len(taken) < LEAST_CALLS:
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)
