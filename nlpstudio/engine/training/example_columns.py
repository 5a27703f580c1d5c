"""Examples as named arrays and back, whatever fields a task's examples have: no pickle, nothing that runs.

A column for each field; a field that is itself a dataclass becomes columns of its own, each object once (the windows of
a text share its pieces).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

PACKAGE = "nlpstudio.engine."
NONE = -1
Arrays = dict[str, NDArray[Any]]


class Unsuitable(Exception):
    """A field of these examples has no place in columns."""


def to_arrays(objects: Sequence[Any]) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and a description (JSON values) of dataclass instances, all of one class. Raises `Unsuitable`."""
    arrays: Arrays = {}
    return arrays, _describe(objects, "", arrays)


def from_arrays(arrays: Mapping[str, NDArray[Any]], description: Mapping[str, Any]) -> list[Any]:
    """The objects that `to_arrays` described. Raises `KeyError`, `ValueError` or `TypeError` for anything else."""
    return _build(arrays, description, "")


def _describe(objects: Sequence[Any], path: str, arrays: Arrays) -> dict[str, Any]:
    kinds = {type(each) for each in objects}
    if len(kinds) != 1 or not dataclasses.is_dataclass(kind := kinds.pop()):
        raise Unsuitable(f"{path or 'examples'} are not of one dataclass")
    assert isinstance(kind, type)
    if not kind.__module__.startswith(PACKAGE):
        raise Unsuitable(f"{kind.__name__} is not of the engine")
    fields = {}
    for field in dataclasses.fields(kind):
        values = [getattr(each, field.name) for each in objects]
        fields[field.name] = _column(values, f"{path}{field.name}", arrays)
    return {"class": f"{kind.__module__}:{kind.__qualname__}", "fields": fields, "count": len(objects)}


def _column(values: Sequence[Any], name: str, arrays: Arrays) -> Any:
    """Put `values` into `arrays` under `name`. Returns how to read them again."""
    kinds = {type(value) for value in values} - {type(None)}
    kind = kinds.pop() if kinds else np.ndarray
    if kinds:
        raise Unsuitable(f"{name} is of several kinds")
    if kind is int and None not in values:
        arrays[name] = np.array(values, dtype=np.int64)
        return "int"
    if dataclasses.is_dataclass(kind) and None not in values:
        unique = list({id(value): value for value in values}.values())
        place = {id(value): index for index, value in enumerate(unique)}
        arrays[name] = np.array([place[id(value)] for value in values], dtype=np.int64)
        return _describe(unique, f"{name}.", arrays)
    if kind in (tuple, frozenset, list):
        if not all(type(each) is int for value in values if value is not None for each in value):
            raise Unsuitable(f"{name} holds more than whole numbers")
        ordered = [None if value is None else np.array(sorted(value) if kind is frozenset else value, dtype=np.int64)
                   for value in values]  # fmt: skip
        _ragged(ordered, name, arrays)
        return kind.__name__
    if kind is np.ndarray:
        types = {value.dtype.str for value in values if value is not None}
        if len(types) > 1 or any(value is not None and value.ndim != 1 for value in values):
            raise Unsuitable(f"{name} is not one list of numbers each")
        _ragged(values, name, arrays)
        return "array"
    raise Unsuitable(f"{name} is {kind.__name__}")


def _ragged(values: Sequence[NDArray[Any] | None], name: str, arrays: Arrays) -> None:
    arrays[f"{name}#"] = np.array([NONE if value is None else len(value) for value in values], dtype=np.int64)
    given = [value for value in values if value is not None]
    arrays[name] = np.concatenate(given) if given else np.empty(0, dtype=np.int32)


def _build(arrays: Mapping[str, NDArray[Any]], description: Mapping[str, Any], path: str) -> list[Any]:
    kind = _class(description["class"])
    fields = description["fields"]
    if set(fields) != {field.name for field in dataclasses.fields(kind)}:
        raise ValueError(f"{kind.__name__} has other fields now")
    columns = {name: _read(arrays, how, f"{path}{name}") for name, how in fields.items()}
    return [kind(**{name: column[index] for name, column in columns.items()}) for index in range(description["count"])]


def _read(arrays: Mapping[str, NDArray[Any]], how: Any, name: str) -> list[Any]:
    if how == "int":
        return list(arrays[name].tolist())
    if isinstance(how, dict):
        objects = _build(arrays, how, f"{name}.")
        return [objects[index] for index in arrays[name].tolist()]
    lengths, values = arrays[f"{name}#"].tolist(), arrays[name]
    bounds = list(accumulate((max(length, 0) for length in lengths), initial=0))
    parts = [values[begin:end] for begin, end in pairwise(bounds)]
    build = {"array": lambda part: part, "tuple": _tuple, "frozenset": _frozenset, "list": _list}[how]
    return [None if length == NONE else build(part) for part, length in zip(parts, lengths, strict=True)]


def _tuple(part: NDArray[Any]) -> tuple[int, ...]:
    return tuple(part.tolist())


def _frozenset(part: NDArray[Any]) -> frozenset[int]:
    return frozenset(part.tolist())


def _list(part: NDArray[Any]) -> list[int]:
    return list(part.tolist())


def _class(name: str) -> type[Any]:
    """A dataclass of the engine that is loaded already: a file cannot make anything be imported."""
    module, _, qualname = name.partition(":")
    kind = getattr(sys.modules.get(module), qualname, None)
    if not module.startswith(PACKAGE) or not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        raise ValueError(f"{name} is no dataclass of the engine")
    return kind
