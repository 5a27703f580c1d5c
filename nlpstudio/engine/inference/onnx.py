"""Logits from onnxruntime: rows of like length together, so that next to nothing is computed for padding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from nlpstudio.engine import manifest
from nlpstudio.engine.encoders.example import Example
from nlpstudio.engine.errors import DamagedArtifact
from nlpstudio.engine.inference import engines

TOKENS_AT_ONCE = 2048
ROWS_AT_ONCE = 64
PADDED_MOST = 1.125
"""A row joins a batch while the batch's longest is at most so many times its shortest."""
PADDED_FREELY = 2
"""So many pads are always fine: very short rows would hardly ever meet."""


class OnnxForward:
    """An exported model in memory, for one thread at a time. Gives what the torch model gives, in the same shapes."""

    def __init__(self, path: Path, *, threads: int = 1, padding_id: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # patterns are kept for each shape, and here nearly each one is new
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own kinds have no common base
            raise DamagedArtifact(f"{path.name} cannot be loaded by onnxruntime: {error}") from error
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._outputs = [each.name for each in self._session.get_outputs()]
        self._padding_id = padding_id

    @classmethod
    def load(cls, artifact: Path, engine: str, *, threads: int, padding_id: int) -> OnnxForward:
        """The graph of `engine` below the artifact, checked against its manifest. Raises `DamagedArtifact`."""
        manifest.verify(artifact / engines.FOLDER)
        return cls(artifact / engines.WEIGHTS[engine], threads=threads, padding_id=padding_id)

    def logits_of(self, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        """The logits of each example, in order: [outputs], or [tokens, outputs]."""
        found: list[Any] = [None] * len(examples)
        for batch in _batches([len(example) for example in examples]):
            for index, logits in zip(batch, self._run([examples[i] for i in batch]), strict=True):
                found[index] = logits
        return found

    def _run(self, examples: Sequence[Example]) -> list[NDArray[np.float32]]:
        lengths = [len(example) for example in examples]
        outputs = self._session.run(self._outputs, self._collate(examples, max(lengths)))
        if len(outputs) == 2:  # starts and ends
            return [np.stack([part[row, :length] for part in outputs], axis=-1) for row, length in enumerate(lengths)]
        logits = outputs[0]
        if logits.ndim == 2:
            return [row.copy() for row in logits]
        return [logits[row, :length].copy() for row, length in enumerate(lengths)]

    def _collate(self, examples: Sequence[Example], width: int) -> dict[str, NDArray[np.int64]]:
        shape = (len(examples), width)
        ids = np.full(shape, self._padding_id, dtype=np.int64)
        mask, types = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, example in enumerate(examples):
            ids[row, : len(example)] = example.ids
            mask[row, : len(example)] = 1
            if example.types is not None:
                types[row, : len(example)] = example.types
        every = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        return {name: values for name, values in every.items() if name in self._inputs}


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices of rows sorted by length, cut where the padding, the rows or the tokens would grow too many."""
    batches: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[index]
        last = batches[-1] if batches else []
        fits = (
            bool(last)
            and length <= max(lengths[last[0]] * PADDED_MOST, lengths[last[0]] + PADDED_FREELY)
            and (len(last) + 1) * length <= TOKENS_AT_ONCE
            and len(last) < ROWS_AT_ONCE
        )
        if fits:
            last.append(index)
        else:
            batches.append([index])
    return batches
