"""What is wrong with single rows of a file: where, what, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from nlpstudio.engine.jsonable import Jsonable

VALUE_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Jsonable):
    """One problem of one row. `line` counts from 1 in the source; `code` is stable.

    `value` is the offending cell, cut to `VALUE_SHOWN` characters; `fix` says what to do.
    """

    line: int
    column: str
    code: str
    message: str
    value: str = ""
    fix: str = ""

    def __post_init__(self) -> None:
        if len(self.value) > VALUE_SHOWN:
            object.__setattr__(self, "value", self.value[: VALUE_SHOWN - 1] + "…")
