"""Arrow arrays straight from and to buffers.

`pyarrow.array` on Python values, and `to_numpy`, import pandas wherever it is installed, to ask
whether the value is one of its own: 60 MB and half a second in every web process and worker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers(values: Sequence[int] | NDArray[Any], kind: Any) -> Any:
    """An array of fixed-width numbers of the Arrow type `kind`."""
    column = np.asarray(values, dtype=kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(np.ascontiguousarray(column))])


def flags(values: NDArray[np.bool_]) -> Any:
    """An array of truth values."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def strings(values: Sequence[str | None]) -> Any:
    """An array of texts; `None` is null."""
    encoded = [b"" if value is None else value.encode() for value in values]
    offsets = _offsets(map(len, encoded))
    valid = None
    if None in values:
        valid = _bits(np.fromiter((value is not None for value in values), dtype=bool, count=len(values)))
    buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def lists(values: Sequence[Sequence[Any]], kind: Any) -> Any:
    """An array of lists of the list type `kind`."""
    inner = column(list(chain.from_iterable(values)), kind.value_type)
    offsets = pa.py_buffer(_offsets(map(len, values)))
    return pa.Array.from_buffers(kind, len(values), [None, offsets], children=[inner])


def column(values: Sequence[Any], kind: Any) -> Any:
    """An array of one of the types that a data set's schema has."""
    if pa.types.is_list(kind):
        return lists(values, kind)
    return strings(values) if pa.types.is_string(kind) else numbers(values, kind)


def batch(columns: Mapping[str, Sequence[Any]], schema: Any) -> Any:
    """A record batch of columns of Python values."""
    arrays = [column(columns[field.name], field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def as_numbers(array: Any) -> NDArray[Any]:
    """An array of fixed-width numbers without nulls, as numpy, without a copy."""
    kind = np.dtype(array.type.to_pandas_dtype())
    return np.frombuffer(array.buffers()[1], dtype=kind)[array.offset : array.offset + len(array)]


def as_flags(array: Any) -> NDArray[np.bool_]:
    """An array of truth values as numpy; null is false."""
    valid, values = (_unpacked(buffer, array) for buffer in array.buffers())
    return values if array.buffers()[0] is None else valid & values


def _unpacked(buffer: Any, array: Any) -> NDArray[np.bool_]:
    if buffer is None:
        return np.ones(len(array), dtype=bool)
    bits = np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), bitorder="little", count=array.offset + len(array))
    return bits[array.offset :].astype(bool)


def _offsets(lengths: Any) -> NDArray[np.int32]:
    return np.fromiter(chain((0,), accumulate(lengths)), dtype=np.int32)


def _bits(values: NDArray[np.bool_]) -> Any:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
