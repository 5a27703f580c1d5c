"""Errors that a person can act on: a stable code, what happened, and what to do."""

from __future__ import annotations


class EngineError(Exception):
    """Base of all errors that are shown to people.

    `code` is stable: documentation and support search for it. `message` says what
    happened (and where), `hint` says what to do about it.
    """

    code = "engine.unknown"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidSpec(EngineError):
    """A setting is outside what the engine accepts."""

    code = "spec.invalid"


class UnreadableFile(EngineError):
    """An uploaded file cannot be read at all (not a matter of single rows)."""

    code = "data.unreadable"


class UnusableData(EngineError):
    """The file was read, but nothing can be trained on what it holds."""

    code = "data.unusable"


class BaseModelMissing(EngineError):
    """The base model is not on this machine and cannot be fetched now."""

    code = "base_model.missing"


class BaseModelRefused(EngineError):
    """The base model's files are not what the shelf promises, or not safe to load."""

    code = "base_model.refused"


class OutOfMemory(EngineError):
    """The device ran out of memory."""

    code = "engine.out_of_memory"


class NotANumber(EngineError):
    """The loss became NaN or infinite."""

    code = "engine.not_a_number"


class DiskFull(EngineError):
    """A file could not be written for want of space."""

    code = "engine.disk_full"


class DamagedArtifact(EngineError):
    """A stored model or checkpoint does not agree with its manifest."""

    code = "artifact.damaged"


class UnsuitableInput(EngineError):
    """A prediction was asked for with inputs or parameters the model cannot take."""

    code = "predict.unsuitable"
