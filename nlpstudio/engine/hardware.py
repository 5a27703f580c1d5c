"""What this machine computes on: device, precision, threads and memory, found by looking and by a short probe."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import psutil
import torch
import transformers

from nlpstudio.engine import memory
from nlpstudio.engine.encoders import probing, products
from nlpstudio.engine.environment import usable_cpus

WORTH_IT = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """A device with the precision ("fp32" or "bf16"), the threads and the library of fp32 products of a run.

    `devices` is how many processes work on it, each with such a device.
    """

    device: torch.device
    precision: str
    threads: int
    products: str = products.TORCH
    devices: int = 1

    def autocast(self) -> AbstractContextManager[Any]:
        """The context of a forward pass in this precision; parameters stay fp32."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def operations_per_s(self) -> float:
        """Of matrix products in this precision, on all threads of all devices."""
        threads = self.threads if self.device.type == "cpu" else 1
        return product_speeds(self.device.type)[self.precision] * threads * self.devices

    def memory_bytes(self) -> int:
        """The device's memory in use by this process: peak on a GPU, resident now on a CPU."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        return int(psutil.Process().memory_info().rss)

    def free_bytes(self) -> int:
        """How much more memory this process may take on the device."""
        if self.device.type == "cuda":
            return int(torch.cuda.mem_get_info(self.device)[0])
        return memory.free_bytes() // self.devices

    def environment(self) -> dict[str, Any]:
        """What weights are bit-identical under, as JSON values."""
        return {
            "torch": str(torch.__version__),
            "transformers": str(transformers.__version__),
            "device": device_name(self.device),
            "precision": self.precision,
            "threads": self.threads,
            "products": self.products,
            "devices": self.devices,
        }


def choose(threads: int = 0, *, precision: str | None = None, library: str | None = None, devices: int = 1) -> Hardware:
    """The best device, for each of `devices` processes.

    `threads` 0 takes all usable processors; `precision` and `library` (of products) None probe.

    Sets torch's thread count and the library of fp32 products for this process.
    """
    count = threads or max(1, usable_cpus() // devices)
    torch.set_num_threads(count)
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device("cpu")
    return Hardware(
        device=device,
        precision=precision or fastest_precision(device.type),
        threads=count,
        products=products.use(library),
        devices=devices,
    )


def device_name(device: torch.device) -> str:
    """ "cpu", or the GPU's product name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def fastest_precision(device: str) -> str:
    """bf16 where a matrix product says that it is much faster: having the instructions says little.

    (Measured: an Intel CPU with avx512_bf16 but without AMX multiplies bf16 at half the speed of fp32, one with AMX at
    eight times the speed; an AMD EPYC with avx512_bf16 at twice the speed of fp32 by oneDNN.)
    """
    speeds = product_speeds(device)
    return "bf16" if speeds["bf16"] > WORTH_IT * speeds["fp32"] else "fp32"


@cache
def product_speeds(device: str) -> dict[str, float]:
    """Operations a second of a matrix product in each precision, of one processor or one GPU."""
    size, is_cpu = (512, True) if device == "cpu" else (4096, False)

    def product(dtype: torch.dtype) -> Callable[[], None]:
        a = torch.ones(size, size, device=device, dtype=dtype)

        def call() -> None:
            products.linear(a, a, None)
            if not is_cpu:
                torch.cuda.synchronize(device)

        return call

    clock = time.process_time if is_cpu else time.perf_counter
    calls = probing.rates([product(torch.float32), product(torch.bfloat16)], clock)
    return {name: 2.0 * size**3 * each for name, each in zip(("fp32", "bf16"), calls, strict=True)}
