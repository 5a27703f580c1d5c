"""Errors of the app that a person can act on."""

from __future__ import annotations


class StudioError(Exception):
    """Something asked for cannot be done now. `code` is stable, `message` and `hint` are for people."""

    code = "studio.refused"
    status = 409

    def __init__(self, message: str, *, hint: str = "", code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.code
        self.status = status or self.status
