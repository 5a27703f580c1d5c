"""Whether a run fits the memory: measured on its longest examples before training, and halved when it was wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nlpstudio.engine import seeding
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.errors import OutOfMemory

if TYPE_CHECKING:
    from nlpstudio.engine.training.loop import Training

SAMPLE_TOKENS = 256
BACKWARD = 1.5
USABLE = 0.9
STATE_COPIES = 3
SAID_OF_MEMORY = (
    "can't allocate memory",
    "Cannot allocate memory",
    "not enough memory",
    "out of memory",
    "bad_alloc",
    "could not create a primitive",  # oneDNN's words for it
    "could not create a memory object",
    "can't start new thread",
)
HALVINGS = 3
"""How often a run that ran out of memory goes on with half of the tokens at once."""
ADVICE = "Set a smaller micro_batch (the result stays the same), a smaller max_length or a smaller base model."


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The memory of a training beyond what it holds before its first step, in bytes.

    `fixed` is for gradients and Adam's two moments, `each_token` for what one token of a micro-batch leaves for the
    backward pass, with what that pass needs besides (`BACKWARD` was measured on a CPU).
    """

    fixed: int
    each_token: float

    def of(self, tokens: int) -> int:
        return self.fixed + round(self.each_token * tokens)


def need(run: Training) -> Need:
    """Measure by one real forward pass on the longest examples; draws no random number that the run would."""
    examples = _longest(run.train, SAMPLE_TOKENS)
    kept = _Kept(run.model.parameters())
    torch_random, encoder_random = seeding.torch_state(), run.encoder.random_state()
    run.model.train()
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, kept.unpack), run.hardware.autocast():
        run.task.loss(run.encoder.logits(examples).float(), examples, run.setup)
    seeding.set_torch_state(torch_random)
    run.encoder.set_random_state(encoder_random)
    trained = sum(p.numel() * p.element_size() for p in run.model.parameters() if p.requires_grad)
    tokens = sum(len(example) for example in examples)
    return Need(fixed=STATE_COPIES * trained, each_token=BACKWARD * kept.bytes / tokens)


def tokens_at_once(run: Training, free_bytes: int) -> int:
    """The budget of a micro-batch, halved from the run's own until it fits. Raises `OutOfMemory` if none does."""
    needed, tokens = need(run), run.tokens_at_once
    while needed.of(min(tokens, _most_tokens(run))) > USABLE * free_bytes:
        smaller = halved(run, tokens)
        if smaller is None:
            least = needed.of(int(run.lengths.max()))
            message = f"Training needs about {least >> 20:,} MB more memory, and {free_bytes >> 20:,} MB are free"
            raise OutOfMemory(message, hint=ADVICE)
        tokens = smaller
    return tokens


def halved(run: Training, tokens: int) -> int | None:
    """Half of what a micro-batch comes to under the budget; None when that is a single example already."""
    longest, most = int(run.lengths.max()), min(tokens, _most_tokens(run))
    return max(most // 2, longest) if most > longest else None


def _most_tokens(run: Training) -> int:
    """What a micro-batch of this run can come to without a budget: a process' share of a batch of the longest."""
    params = run.setup.params
    rows = -(-params.batch_size // run.group.size)
    return int(run.lengths.max()) * min(rows, params.micro_batch or rows)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is how Python, torch or its libraries say that an allocation failed."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID_OF_MEMORY)


def _longest(examples: Sequence[Example], most_tokens: int) -> list[Example]:
    ordered = sorted(examples, key=len, reverse=True)
    lengths = np.array([len(example) for example in ordered])
    count = max(1, int((lengths.cumsum() <= most_tokens).sum()))
    return ordered[:count][::-1]


class _Kept:
    """Adds up the storages that autograd keeps for the backward pass, each once, without the model's own."""

    def __init__(self, own: Any) -> None:
        self._seen = {parameter.untyped_storage().data_ptr() for parameter in own}
        self.bytes = 0

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.bytes += storage.nbytes()
        return tensor

    @staticmethod
    def unpack(tensor: Tensor) -> Tensor:
        return tensor
