"""Texts as vectors: the mean over an encoder's last layer, of length one (Reimers & Gurevych 2019, arXiv:1908.10084)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModel, PreTrainedModel, PreTrainedTokenizerBase

from nlpstudio.engine.conversion.local import MODEL_TYPES
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.encoders import packed
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.encoders.packed import PackedEncoder
from nlpstudio.engine.errors import BaseModelRefused, UnsuitableInput
from nlpstudio.engine.inference import engines, nearest
from nlpstudio.engine.tasks import building
from nlpstudio.engine.training.batches import micro_batches

LONGEST = 256
"""Tokens of a text that are read; a mean over more says less."""
TOKENS_AT_ONCE = 4096
TEXTS_MOST = 256


class Embedder:
    """An encoder in memory, without its head; answers to `predict` as a pool's models do."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, max_length: int) -> None:
        self.model: Any = model.eval()
        self.tokenizer: Any = tokenizer
        self.max_length = max_length
        self._packed = PackedEncoder(model) if packed.knows(model) else None

    @classmethod
    def load(cls, folder: Path, *, engine: str = engines.TORCH, threads: int = 1) -> Embedder:
        """Of a base model or a finished model, by torch whatever the engine. Sets torch's thread count for this process.

        Raises `BaseModelRefused` for what is no encoder.
        """
        torch.set_num_threads(threads)
        kind = building.read_config(folder).model_type
        if kind not in MODEL_TYPES:
            raise BaseModelRefused(f"a model of the type {kind} is no encoder", hint="Choose an encoder.")
        tokenizer = building.load_tokenizer(folder)
        length = min(building.longest_input(folder, tokenizer), LONGEST)
        return cls(building.load_with(AutoModel, folder), tokenizer, max_length=length)

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[texts, hidden], each of length one."""
        encoded: Any = self.tokenizer(list(texts), truncation=True, max_length=self.max_length)
        types = encoded.get("token_type_ids", [None] * len(texts))
        examples = [
            Example(ids=np.array(ids, dtype=np.int32), types=None if kinds is None else np.array(kinds, dtype=np.int32))
            for ids, kinds in zip(encoded["input_ids"], types, strict=True)
        ]
        lengths = np.array([len(example) for example in examples])
        found = np.empty((len(examples), self.model.config.hidden_size), dtype=np.float32)
        pieces = micro_batches(range(len(examples)), lengths, most_tokens=TOKENS_AT_ONCE, padded=self._packed is None)
        for piece in pieces:
            with torch.inference_mode():
                means = self._means([examples[at] for at in piece])
                found[piece] = F.normalize(means.float(), dim=-1).cpu().numpy()
        return found

    def _means(self, examples: Sequence[Example]) -> Tensor:
        if self._packed is not None:
            hidden, _batch = self._packed.hidden(examples)
            return torch.stack([part.mean(dim=0) for part in hidden.split([len(example) for example in examples])])
        ids = [{"input_ids": example.ids.tolist()} for example in examples]
        inputs = self.tokenizer.pad(ids, return_tensors="pt").to(self.model.device)
        hidden, mask = self.model(**inputs).last_hidden_state, inputs["attention_mask"][..., None]
        means: Tensor = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        return means

    def predict(self, inputs: Any, parameters: Mapping[str, Any]) -> Any:
        """`inputs` is a list of texts. Answers the cosine of the first with each other one; or, with
        `parameters["dataset"]` and `["cache"]` (paths), the rows that are nearest to the only one, as `nearest.look` does.

        Raises `UnsuitableInput`.
        """
        if not isinstance(inputs, list) or not 1 <= len(inputs) <= TEXTS_MOST:
            raise UnsuitableInput(f"give a list of at most {TEXTS_MOST} texts")
        if not all(isinstance(text, str) and text.strip() for text in inputs):
            raise UnsuitableInput("the text is empty", hint="Give some text to read.")
        found = self.vectors(inputs)
        if "dataset" not in parameters:
            return [float(cosine) for cosine in found[1:] @ found[0]]
        dataset = DatasetFolder.open(Path(parameters["dataset"]))
        return nearest.look(dataset, found[0], Path(parameters["cache"]), self.vectors)

    def stream(self, inputs: Any, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Nothing is written here."""
        raise UnsuitableInput("this model's answers are not written word by word")

    def close(self) -> None:
        """Nothing to do: the memory goes with the object."""
