"""Texts on their way: where the pieces go, and how a model's thread writes several at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any, Protocol

from nlpstudio.engine.errors import EngineError
from nlpstudio.engine.inference.process import ModelLost

logger = logging.getLogger(__name__)

SECONDS_MOST = 900.0


class Sink(Protocol):
    """Takes the pieces of one text from the model's thread; at last None, or the error that ended it."""

    @property
    def is_gone(self) -> bool:
        """Whether nobody reads any more, so that writing on would be in vain."""
        ...

    def put(self, piece: dict[str, Any] | Exception | None) -> None: ...


class AsyncSink:
    """A sink that an event loop reads from."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[dict[str, Any] | Exception | None] = asyncio.Queue()
        self.is_gone = False

    def put(self, piece: dict[str, Any] | Exception | None) -> None:
        """Called in the model's thread."""
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:  # the loop has ended
            self.is_gone = True

    async def get(self) -> dict[str, Any] | None:
        """The next piece, None at the end. Raises the error that ended the text."""
        piece = await self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        return piece


class Streams:
    """The texts that one model writes, a token of each in turn, so that nobody waits for another's end."""

    def __init__(self) -> None:
        self._open: list[tuple[Iterator[dict[str, Any]], Sink, float]] = []

    def __len__(self) -> int:
        return len(self._open)

    def begin(self, pieces: Iterator[dict[str, Any]], sink: Sink) -> None:
        """Take a text on; `pieces` is closed when it has ended or nobody reads it."""
        self._open.append((pieces, sink, time.monotonic() + SECONDS_MOST))

    def advance(self) -> None:
        """One piece more of each. Raises `ModelLost`."""
        self._open = [each for each in self._open if self._goes_on(*each)]

    def end(self, error: Exception) -> None:
        """Nothing more comes, and why."""
        for _, sink, _ in self._open:
            sink.put(error)
        self._open = []

    def _goes_on(self, pieces: Iterator[dict[str, Any]], sink: Sink, until: float) -> bool:
        end: Exception | None = None
        if not sink.is_gone and time.monotonic() < until:
            try:
                sink.put(next(pieces))
            except StopIteration:
                pass
            except ModelLost:
                raise
            except Exception as error:
                if not isinstance(error, EngineError):
                    logger.exception("a text could not be written on")
                end = error
            else:
                return True
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
        sink.put(end)
        return False
