"""The ordinary forward pass of any Hugging Face model, padded to the longest example and masked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from nlpstudio.engine.encoders.example import Example, parts_of


class PaddedEncoder:
    """An encoder for every architecture that the table of families does not know."""

    path = "padded"

    def __init__(self, model: PreTrainedModel) -> None:
        self.model = model
        self._takes_types = takes_types(model)

    def logits(self, examples: Sequence[Example]) -> Tensor:
        """[rows, labels] of a sequence classifier, else [tokens, outputs] of the real tokens."""
        inputs = {key: value.to(self.model.device) for key, value in self._collate(examples).items()}
        real = inputs["attention_mask"].bool()
        outputs = self.model(**inputs)
        if "start_logits" in outputs:
            return torch.stack([outputs.start_logits[real], outputs.end_logits[real]], dim=-1)
        logits: Tensor = outputs.logits
        return logits if logits.dim() == 2 else logits[real]

    def verdicts(self, logits: Tensor, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        """The logits of each example."""
        return parts_of(logits, examples)

    def random_state(self) -> Mapping[str, Any]:
        """Nothing: all its dropout draws from torch's own generator."""
        return {}

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Nothing to set."""

    def _collate(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        shape = (len(examples), max(len(example) for example in examples))
        ids = torch.full(shape, self.model.config.pad_token_id or 0, dtype=torch.long)
        mask = torch.zeros(shape, dtype=torch.long)
        types = torch.zeros(shape, dtype=torch.long)
        for index, example in enumerate(examples):
            ids[index, : len(example)] = torch.from_numpy(example.ids)
            mask[index, : len(example)] = 1
            if example.types is not None:
                types[index, : len(example)] = torch.from_numpy(example.types)
        inputs = {"input_ids": ids, "attention_mask": mask}
        return {**inputs, "token_type_ids": types} if self._takes_types else inputs


def takes_types(model: PreTrainedModel) -> bool:
    """Whether the model's forward pass has a use for token types."""
    return "token_type_ids" in inspect.signature(model.forward).parameters
