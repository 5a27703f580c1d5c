"""The forward passes of models that write: logits only where a token is to be written.

A whole vocabulary for each token of a long prompt would fill the memory, so the head runs on the columns of the
batch in which some row has a target.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.encoders.example import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingExample(Example):
    """`targets` [targets] are the token ids to be written: the end of `ids` for a decoder alone."""

    targets: NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairExample(WritingExample):
    """`ids` are read by the encoder, `targets` written by the decoder; both sides count for the length."""

    def __len__(self) -> int:
        return len(self.ids) + len(self.targets)


class Writer:
    """What both kinds share. `logits` is [targets, vocabulary], example after example."""

    path = "padded"

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model: Any = model
        self.tokenizer: Any = tokenizer
        pad = model.config.pad_token_id
        self.pad = int(pad if pad is not None else tokenizer.pad_token_id or 0)

    def verdicts(self, logits: Tensor, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        """Of each example [targets, 2]: the log-probability of each target and whether it was the likeliest (1 or 0)."""
        gold = targets_of(examples, logits.device)
        likely = logits.log_softmax(dim=-1).gather(1, gold[:, None])[:, 0]
        both = torch.stack([likely, (logits.argmax(dim=-1) == gold).to(likely)], dim=-1).cpu().numpy()
        counts = [len(example.targets) for example in examples if isinstance(example, WritingExample)]
        return [part.copy() for part in np.split(both, np.cumsum(counts)[:-1])]

    def random_state(self) -> Mapping[str, Any]:
        """Nothing: all dropout draws from torch's own generator."""
        return {}

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Nothing to set."""

    def padded(self, rows: Sequence[NDArray[np.int32]], *, left: bool = False) -> tuple[Tensor, Tensor]:
        """Token ids and mask [rows, longest] on the model's device."""
        shape = (len(rows), max(len(row) for row in rows))
        ids = torch.full(shape, self.pad, dtype=torch.long)
        mask = torch.zeros(shape, dtype=torch.long)
        for index, row in enumerate(rows):
            place = slice(shape[1] - len(row), None) if left else slice(0, len(row))
            ids[index, place] = torch.from_numpy(row.astype(np.int64))
            mask[index, place] = 1
        return ids.to(self.model.device), mask.to(self.model.device)


class CausalWriter(Writer):
    """A decoder alone, as GPT-2 or Llama."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(model, tokenizer)
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    def logits(self, examples: Sequence[WritingExample]) -> Tensor:
        """[targets, vocabulary]: what the model expected before it saw each target."""
        ids, mask = self.padded([example.ids for example in examples])
        wanted = torch.zeros(ids.shape, dtype=torch.bool)
        for index, example in enumerate(examples):
            wanted[index, len(example.ids) - len(example.targets) - 1 : len(example.ids) - 1] = True
        columns = wanted.any(dim=0).nonzero()[:, 0]
        keep = {"logits_to_keep": columns.to(ids.device)} if self._keeps else {}
        logits: Tensor = self.model(input_ids=ids, attention_mask=mask, use_cache=False, **keep).logits
        chosen = wanted[:, columns] if self._keeps else wanted
        return logits[chosen.to(ids.device)]


class PairWriter(Writer):
    """An encoder and a decoder, as Marian, T5 or BART."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(model, tokenizer)
        settings = (self.model.config, self.model.generation_config)
        starts = (getattr(each, "decoder_start_token_id", None) for each in settings)
        self._start = next((start for start in starts if start is not None), self.pad)

    def logits(self, examples: Sequence[WritingExample]) -> Tensor:
        """[targets, vocabulary], each target seen only by those after it."""
        ids, mask = self.padded([example.ids for example in examples])
        given, real = self.padded([self._shifted(example.targets) for example in examples])
        logits: Tensor = self.model(
            input_ids=ids, attention_mask=mask, decoder_input_ids=given, decoder_attention_mask=real, use_cache=False
        ).logits
        return logits[real.bool()]

    def _shifted(self, targets: NDArray[np.int32]) -> NDArray[np.int32]:
        """What the decoder reads: a start first, which for mBART is what its targets end with (the language, or the end)."""
        start = targets[-1] if self.model.config.model_type == "mbart" else self._start
        return np.concatenate([[start], targets[:-1]]).astype(np.int32)


def targets_of(examples: Sequence[Any], device: torch.device) -> Tensor:
    """All targets, one after the other."""
    return torch.from_numpy(np.concatenate([example.targets for example in examples]).astype(np.int64)).to(device)
