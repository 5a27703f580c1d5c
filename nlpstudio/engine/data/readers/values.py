"""Values of typed files (JSON, workbooks, Parquet) as the text a person sees."""

from __future__ import annotations

import math
from typing import Any


def as_text(value: Any) -> str:
    """A scalar as text: 1.0 is "1", true is "true", nothing is "". Raises `TypeError` for a list or an object."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, dict | list | tuple | set):
        raise TypeError(f"a {type(value).__name__} is not a text")
    return str(value)
