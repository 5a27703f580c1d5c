"""One loaded model at work: a thread, a bounded queue, and answers in micro-batches.

Waiting requests are answered together without ever waiting for more: the predictor runs them un-padded, so a
larger batch costs no padding (a padded one would be slower than none, see docs/adr).
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, Queue
from typing import Any, Protocol

from nlpstudio.engine.errors import UnsuitableInput
from nlpstudio.engine.inference.process import ModelLost, PredictionFailed
from nlpstudio.engine.inference.streams import Sink, Streams

logger = logging.getLogger(__name__)

WAITING_MOST = 64
TOGETHER_MOST = 32
PART_MOST = 128
"""Inputs of a long list that are answered before its deadline is looked at again."""


class Predicts(Protocol):
    """What a loaded model can do: answer `inputs` in Hugging Face's shape for its task."""

    def predict(self, inputs: Any, parameters: dict[str, Any]) -> Any: ...

    def stream(self, inputs: Any, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]: ...

    def close(self) -> None: ...


class QueueFull(Exception):
    """More requests wait for the model than are kept. `retry_after` is a guess in seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many requests wait for this model")
        self.retry_after = retry_after


class TooLate(Exception):
    """The request's deadline passed before its turn came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`deadline` is on `time.monotonic`'s clock. With a `sink` the answer goes there, piece by piece.

    `in_parts`: the answer to a list is the list of the answers, so that it may be had a part at a time.
    """

    inputs: Any
    parameters: dict[str, Any]
    deadline: float
    answer: Future[Any] = field(default_factory=Future)
    sink: Sink | None = None
    in_parts: bool = False

    @property
    def key(self) -> str | None:
        """Requests with the same key can be answered together. None: this one is a batch of its own."""
        return None if isinstance(self.inputs, list) or self.sink else json.dumps(self.parameters, sort_keys=True)


class Batcher(threading.Thread):
    """Loads a model in its own thread, then answers requests until closed. `state` is loading, ready, failed or closed;
    `lost` says that it failed because the model's process ended.

    `wrap` gives the answer to a single input from its place in the answer to a list.
    """

    def __init__(
        self, name: str, load: Callable[[], Predicts], *, wrap: Callable[[Any], Any], waiting_most: int = WAITING_MOST
    ) -> None:
        super().__init__(name=f"model {name}", daemon=True)
        self.state = "loading"
        self._load = load
        self._wrap = wrap
        self._queue: Queue[Request | None] = Queue()
        self._waiting_most = waiting_most
        self._seconds_each = 0.05
        self._door = threading.Lock()
        self.lost = False
        self._streams = Streams()

    def submit(self, request: Request) -> None:
        """Put the request in the queue. Raises `QueueFull`; a batcher that has closed answers with `Closed`."""
        with self._door:
            if self.state in ("closed", "failed"):
                raise Closed
            if self.waiting >= self._waiting_most:
                raise QueueFull(max(1.0, self.waiting * self._seconds_each))
            self._queue.put(request)

    def close(self) -> None:
        """Take no more requests; those in the queue are still answered, then the thread ends and frees the model."""
        with self._door:
            if self.state in ("loading", "ready"):
                self.state = "closed"
                self._queue.put(None)

    @property
    def waiting(self) -> int:
        return self._queue.qsize() + len(self._streams)

    def run(self) -> None:
        try:
            predictor = self._load()
        except Exception as error:
            self._give_up(error)
            if not getattr(error, "code", ""):
                raise
            return
        with self._door:
            if self.state == "loading":
                self.state = "ready"
        try:
            while (batch := self._next()) is not None:
                started = time.monotonic()
                self._answer(predictor, batch)
                if batch:
                    self._seconds_each = 0.8 * self._seconds_each + 0.2 * (time.monotonic() - started) / len(batch)
                self._streams.advance()
            while self._streams:
                self._streams.advance()
        except ModelLost as error:
            self._streams.end(error)
            self._give_up(error)
        finally:
            predictor.close()

    def _give_up(self, error: Exception) -> None:
        """Tell everybody who waits why the model cannot be used; who asks next has it tried again."""
        with self._door:
            self.state = "failed"
            self.lost = isinstance(error, ModelLost)
        while True:
            try:
                request = self._queue.get_nowait()
            except Empty:
                return
            if request is not None and request.answer.set_running_or_notify_cancel():
                _fail([request], error, known=True)

    def _next(self) -> list[Request] | None:
        """Everything that waits now, up to a limit; None at the end. While texts are written nothing is waited for."""
        try:
            first = self._queue.get(block=not self._streams)
        except Empty:
            return []
        if first is None:
            return None
        batch = [first]
        while len(batch) < TOGETHER_MOST:
            try:
                more = self._queue.get_nowait()
            except Empty:
                break
            if more is None:
                self._queue.put(None)  # for the next turn: this batch is answered first
                break
            batch.append(more)
        return batch

    def _answer(self, predictor: Predicts, batch: Sequence[Request]) -> None:
        groups: dict[str, list[Request]] = {}
        for position, request in enumerate(batch):
            if not request.answer.set_running_or_notify_cancel():
                continue
            if time.monotonic() > request.deadline:
                _fail([request], TooLate(), known=True)
                continue
            if request.sink is not None:
                self._begin(predictor, request, request.sink)
                continue
            groups.setdefault(request.key or f"alone {position}", []).append(request)
        try:
            for group in groups.values():
                self._answer_group(predictor, group)
        except ModelLost as error:
            _fail([each for group in groups.values() for each in group if not each.answer.done()], error)
            raise

    def _begin(self, predictor: Predicts, request: Request, sink: Sink) -> None:
        try:
            self._streams.begin(predictor.stream(request.inputs, request.parameters), sink)
        except Exception as error:
            _fail([request], error)
            if isinstance(error, ModelLost):
                raise
        else:
            request.answer.set_result(None)

    def _answer_group(self, predictor: Predicts, group: Sequence[Request]) -> None:
        if len(group) > 1:
            try:
                answers = predictor.predict([request.inputs for request in group], group[0].parameters)
            except ModelLost:
                raise
            except Exception:
                pass  # over one of them: each is asked alone below, so that only those fail that must
            else:
                for request, answer in zip(group, answers, strict=True):
                    request.answer.set_result(self._wrap(answer))
                return
        for request in group:
            try:
                request.answer.set_result(_predicted(predictor, request))
            except ModelLost:
                raise
            except Exception as error:
                _fail([request], error)


def _predicted(predictor: Predicts, request: Request) -> Any:
    """The answer to one request. Raises `TooLate` when nobody can be waiting any more for the rest of a long list."""
    inputs, parameters = request.inputs, request.parameters
    if not (request.in_parts and isinstance(inputs, list) and len(inputs) > PART_MOST):
        return predictor.predict(inputs, parameters)
    answers: list[Any] = []
    for begin in range(0, len(inputs), PART_MOST):
        if time.monotonic() > request.deadline:
            raise TooLate
        answers += predictor.predict(inputs[begin : begin + PART_MOST], parameters)
    return answers


class Closed(Exception):
    """The batcher has ended: ask the pool for another."""


def _fail(group: Sequence[Request], error: Exception, *, known: bool = False) -> None:
    """Hand the error to those who wait, where it is raised again; the thread must live on for the others."""
    if not known and not isinstance(
        error, UnsuitableInput | TooLate | ModelLost | PredictionFailed
    ):  # the latter two were logged there
        logger.exception("a prediction failed", exc_info=error)
    for request in group:
        request.answer.set_exception(error)
        if request.sink is not None:
            request.sink.put(error)
