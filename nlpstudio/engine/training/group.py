"""The processes of one run: each takes its share of every batch, and all make the same optimizer step.

They speak the protocol of `torchrun` (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR), so it can start them as well as
`nlpstudio.engine.commands.ranks` does. Gradients are summed and were divided by the weight of the whole batch, so the
loss is the one of a single process up to rounding. The first process alone judges, writes and speaks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import nn

from nlpstudio.engine.encoders.dropout import ByteDropout
from nlpstudio.engine.encoders.example import Encoder
from nlpstudio.engine.errors import InvalidSpec

if TYPE_CHECKING:
    from torch import Tensor

RENDEZVOUS = "STUDIO_RENDEZVOUS"
HALVED = "STUDIO_HALVED"
"""How often the processes were started again with half of the tokens at once, because the memory had run out."""
LONGEST_WAIT = timedelta(days=1)  # others wait while the first one judges; death is noticed at once without it

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`size` processes, of which this is number `rank` (from 0). A group of one does nothing.

    `halved` is how often they were started again with half of the tokens at once.
    """

    rank: int = 0
    size: int = 1
    halved: int = 0

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share(self, batch: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """This process' part of `batch`: about as many tokens as any other's. It may be empty."""
        if self.size == 1:
            return batch
        tokens, parts = [0] * self.size, [[] for _ in range(self.size)]  # type: list[int], list[list[int]]
        for index in sorted(batch.tolist(), key=lambda i: (-lengths[i], i)):
            least = tokens.index(min(tokens))
            tokens[least] += int(lengths[index])
            parts[least].append(index)
        return np.array(parts[self.rank], dtype=np.int64)

    def add_up(self, model: nn.Module, loss: float) -> float:
        """Sum the gradients of all processes, everywhere, and return the sum of their losses."""
        if self.size == 1:
            return loss
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        flat = torch.cat([_gradient(parameter).reshape(-1) for parameter in trained])
        dist.all_reduce(flat)
        parts = flat.split([parameter.numel() for parameter in trained])
        for parameter, part in zip(trained, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        total = flat.new_tensor([loss], dtype=torch.float64)
        dist.all_reduce(total)
        return float(total)

    def any(self, *flags: bool) -> list[bool]:
        """Of each flag, whether it is true in some process."""
        if self.size == 1:
            return list(flags)
        said = torch.tensor([float(flag) for flag in flags], device=_device())
        dist.all_reduce(said, op=dist.ReduceOp.MAX)
        return [bool(each) for each in said.tolist()]

    def firsts(self, value: T) -> T:
        """The first process' `value`."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box, src=0, device=_device())
        found: T = box[0]
        return found

    def least(self, value: int) -> int:
        """The least of all processes' values."""
        if self.size == 1:
            return value
        said = torch.tensor([value], device=_device())
        dist.all_reduce(said, op=dist.ReduceOp.MIN)
        return int(said)

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """Part in peace: C++ aborts a process that ends while its threads still listen to the others."""
        if self.size > 1:
            dist.destroy_process_group()

    def reseed(self, encoder: Encoder, seed: int, step: int) -> None:
        """Give this process random numbers of its own for `step`. The first one goes on with those of a single process.

        They follow from the step, so a checkpoint need not hold them.
        """
        if self.rank == 0:
            return
        drawn = int(np.random.SeedSequence([seed, self.rank, step]).generate_state(1, np.uint64)[0] >> 1)
        torch.manual_seed(drawn)
        if encoder.random_state():
            encoder.set_random_state(ByteDropout(drawn).state())


ALONE = Group()


def is_started() -> bool:
    """Whether this process was started as one of several."""
    return "WORLD_SIZE" in os.environ


def rank() -> int:
    """This process' number in its group, 0 when it is alone."""
    return int(os.environ.get("RANK", "0"))


def join(devices: int) -> Group:
    """Meet the other processes of the run; `ALONE` for one device. Raises `InvalidSpec` for another number of them."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size != devices:
        raise InvalidSpec(
            f"devices is {devices}, but {size} processes were started", hint="Start as many processes as devices."
        )
    if size == 1:
        return ALONE
    if not dist.is_initialized():
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", rank())))
        dist.init_process_group(
            "nccl" if cuda else "gloo",
            init_method=os.environ.get(RENDEZVOUS, "env://"),
            rank=rank(),
            world_size=size,
            timeout=LONGEST_WAIT,
        )
    return Group(rank=rank(), size=size, halved=int(os.environ.get(HALVED, "0")))


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _device() -> torch.device:
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
