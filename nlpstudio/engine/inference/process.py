"""A model in a process of its own: what crashes or hangs takes nothing with it, and what leaves gives its memory back.

The processes are forked from a server that has imported the libraries and nothing else (multiprocessing's
"forkserver"), so one is there in a fraction of a second and shares the libraries' pages with its siblings.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

from nlpstudio.engine.errors import EngineError, UnsuitableInput

logger = logging.getLogger(__name__)

PREDICTS, EXPLAINS, EMBEDS = "predicts", "explains", "embeds"
LOAD_SECONDS = 300.0
ANSWER_SECONDS = 120.0
"""Longer than any request may wait: then nobody is there any more for the answer."""
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}
"""Works only when set before the libraries are loaded."""


class ModelLost(EngineError):
    """The model's process ended or hung; the next request starts another."""

    code = "serve.model_lost"


class PredictionFailed(Exception):
    """A bug of ours met this request; the process lives on. The message has the error's kind and words."""


def prepare() -> BaseContext:
    """Start the server of processes, in the background. Call it once, before the first model is asked for."""
    os.environ.update(ENVIRONMENT)
    if sys.platform == "win32":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["nlpstudio.engine.inference.predictor"])
    from multiprocessing import forkserver  # not on Windows

    forkserver.ensure_running()
    return context


class ProcessPredictor:
    """A predictor elsewhere. For one thread at a time, as the one it stands for."""

    def __init__(
        self, context: BaseContext, folder: Path, *, engine: str, threads: int = 1, role: str = PREDICTS
    ) -> None:
        """Start the process and wait until the model is loaded. Raises what loading raises, or `ModelLost`.

        `role` says what answers there: a `Predictor`, an `Explaining` or an `Embedder`.
        """
        self._pipe, theirs = context.Pipe()
        self._process: Any = context.Process(  # type: ignore[attr-defined]  # every context has it
            target=_serve,
            args=(theirs, str(folder), engine, threads, role),
            name=f"model {folder.parent.name}",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        self._receive(LOAD_SECONDS)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    def predict(self, inputs: Any, parameters: dict[str, Any]) -> Any:
        """As `Predictor.predict`. Raises `UnsuitableInput`, `PredictionFailed`, or `ModelLost`."""
        return self._ask("predict", inputs, parameters)

    def stream(self, inputs: Any, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """As `Predictor.stream`, a question to the process for each piece. Raises what `predict` raises."""
        return self._pieces(self._ask("begin", inputs, parameters))

    def _pieces(self, key: int) -> Iterator[dict[str, Any]]:
        whole = False
        try:
            while (piece := self._ask("next", key)) is not None:
                yield piece
            whole = True
        finally:
            if not whole and self._process.is_alive():
                with suppress(ModelLost):
                    self._ask("end", key)

    def _ask(self, verb: str, *given: Any) -> Any:
        try:
            self._pipe.send((verb, *given))
        except OSError as error:
            raise self._lost() from error
        return self._receive(ANSWER_SECONDS)

    def close(self) -> None:
        """End the process; nothing in it needs to be put away."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _receive(self, seconds: float) -> Any:
        try:
            if not self._pipe.poll(seconds):
                self.close()
                raise ModelLost(f"The model's process did not answer in {seconds:.0f} s and was ended.")
            kind, value = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        if kind == "answer":
            return value
        if kind == "refused":
            raise value
        raise PredictionFailed(value)

    def _lost(self) -> ModelLost:
        self._process.join()
        code = self._process.exitcode
        logger.error("the process of %s ended with exit code %s", self._process.name, code)
        return ModelLost(
            "The model's process ended while it was asked.", hint="It is started again when it is asked again."
        )


def _serve(pipe: Connection, folder: str, engine: str, threads: int, role: str) -> None:
    """The process: load, then answer until the other end is gone."""
    from nlpstudio.engine.inference.embedding import Embedder  # only here: the serve worker itself has no torch
    from nlpstudio.engine.inference.explaining import Explaining
    from nlpstudio.engine.inference.predictor import Predictor

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        try:
            roles: dict[str, Any] = {PREDICTS: Predictor, EXPLAINS: Explaining, EMBEDS: Embedder}
            predictor = roles[role].load(Path(folder), engine=engine, threads=threads)
        except EngineError as error:
            pipe.send(("refused", error))
            return
        pipe.send(("answer", None))
        desk = _Desk(predictor)
        while True:
            verb, *given = pipe.recv()
            pipe.send(_answer(getattr(desk, verb), *given))


class _Desk:
    """What the process is asked for: an answer, or a text begun, written on and ended under a number."""

    def __init__(self, predictor: Any) -> None:
        self.predict = predictor.predict
        self._predictor = predictor  # an `Explaining` has nothing to write
        self._open: dict[int, Iterator[dict[str, Any]]] = {}
        self._numbers = count()

    def begin(self, inputs: Any, parameters: dict[str, Any]) -> int:
        pieces, key = self._predictor.stream(inputs, parameters), next(self._numbers)
        self._open[key] = pieces
        return key

    def next(self, key: int) -> dict[str, Any] | None:
        """The next piece; None, once, after the last."""
        piece = next(self._open[key], None)
        if piece is None:
            del self._open[key]
        return piece

    def end(self, key: int) -> None:
        self._open.pop(key, None)


def _answer(ask: Callable[..., Any], *given: Any) -> tuple[str, Any]:
    try:
        return "answer", ask(*given)
    except UnsuitableInput as error:
        return "refused", error
    except Exception as error:  # it must not end the process: the next request may be a good one
        logger.exception("a prediction failed")
        return "failed", f"{type(error).__name__}: {error}"
