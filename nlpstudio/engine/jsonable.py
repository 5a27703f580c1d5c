"""Frozen dataclasses to JSON and back, refusing unknown keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from nlpstudio.engine.errors import InvalidSpec


class Jsonable:
    """Mixin for the flat frozen dataclasses that cross the engine's border."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON values with one key a field."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build from `to_json`'s dict. Raises `InvalidSpec` for an unknown key or a bad value."""
        known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(values) - known)
        if unknown:
            raise InvalidSpec(
                f"unknown setting: {', '.join(unknown)}",
                hint=f"Known settings are {', '.join(sorted(known))}.",
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidSpec(str(error)) from error
