"""The tests of a folder share one studio and one program in it."""

from __future__ import annotations

from tests.flows.program import program
from tests.studio import api, studio

__all__ = ["api", "program", "studio"]
