"""The loaded models of a serve worker: on demand, several at once, the least recently used one leaves first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from nlpstudio.engine import manifest
from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.errors import DamagedArtifact, EngineError
from nlpstudio.engine.inference import engines
from nlpstudio.engine.inference.batcher import WAITING_MOST, Batcher, Closed, Predicts, Request
from nlpstudio.engine.inference.streams import Sink

OVERHEAD_BYTES = 96 << 20
"""What a loaded model takes besides its weights: a process's own pages, the tokenizer, and activations of a batch."""
LOST_MOST = 3
LOST_SECONDS = 60.0
"""A model whose process was lost so often in so long is left alone for as long."""


LISTED = frozenset(("classification", *(name for name, task in CATALOGUE.items() if task.writes)))


class UnknownModel(EngineError):
    """No such folder below the models' root."""

    code = "predict.unknown_model"


class KeepsCrashing(EngineError):
    """The model's process was lost again and again: it is not started for a while."""

    code = "serve.keeps_crashing"


class Loads(Protocol):
    """Makes a predictor of an artifact's folder on one engine."""

    def __call__(self, folder: Path, *, engine: str) -> Predicts: ...


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A model in the pool, on which engine, and what it is reckoned to take."""

    batcher: Batcher
    task: str
    engine: str
    memory_bytes: int
    since: float
    requests: int = 0


class Pool:
    """`load` makes a predictor from an artifact's folder; it is called in the model's own thread, and so is `close`.

    Only folders below `root` whose files agree with their manifest are loaded. `budget_bytes` bounds what the
    loaded models are reckoned to take; one model is always allowed.
    """

    def __init__(self, root: Path, load: Loads, *, budget_bytes: int, waiting_most: int = WAITING_MOST) -> None:
        self._root = root.resolve()
        self._load = load
        self._budget = budget_bytes
        self._waiting_most = waiting_most
        self._models: OrderedDict[tuple[str, str], Loaded] = OrderedDict()
        self._lost: dict[tuple[str, str], list[float]] = {}
        self._lock = threading.Lock()

    def submit(
        self,
        name: str,
        inputs: Any,
        parameters: dict[str, Any],
        *,
        seconds: float,
        engine: str = engines.AUTOMATIC,
        sink: Sink | None = None,
        in_parts: bool = False,
    ) -> Future[Any]:
        """Ask the model in folder `name` and return the coming answer; with a `sink` it goes there as it is written.
        `in_parts` lets a list be answered a part at a time.

        The answer raises `UnsuitableInput`, `DamagedArtifact`, `ModelLost` or `TooLate`. Raises `UnknownModel`,
        `KeepsCrashing` and `QueueFull`.
        """
        deadline = time.monotonic() + seconds
        request = Request(inputs=inputs, parameters=parameters, deadline=deadline, sink=sink, in_parts=in_parts)
        while True:
            loaded = self._get(name, engine)
            try:
                loaded.batcher.submit(request)
            except Closed:
                self._drop(loaded)
                continue
            loaded.requests += 1
            return request.answer

    def warm(self, name: str, *, engine: str = engines.AUTOMATIC) -> str:
        """Begin to load the model unless it is there. Returns its state."""
        return self._get(name, engine).batcher.state

    def fingerprint(self, name: str) -> str:
        """The sha256 of the model's weights, as its manifest has it. Raises `UnknownModel` and `DamagedArtifact`."""
        files = manifest.read(self._folder(name))["files"]
        return str(files[engines.WEIGHTS[engines.TORCH]]["sha256"])

    def describe(self) -> list[dict[str, Any]]:
        """The models in the pool, the least recently used first."""
        with self._lock:
            return [
                {
                    "model": name,
                    "task": each.task,
                    "engine": each.engine,
                    "state": each.batcher.state,
                    "memory_bytes": each.memory_bytes,
                    "waiting": each.batcher.waiting,
                    "requests": each.requests,
                    "seconds": round(time.monotonic() - each.since, 3),
                }
                for (name, _engine), each in self._models.items()
            ]

    def close(self) -> None:
        """Let every model finish what waits and go."""
        with self._lock:
            leaving = [each.batcher for each in self._models.values()]
            self._models.clear()
        for batcher in leaving:
            batcher.close()

    def _get(self, name: str, wanted: str = engines.AUTOMATIC) -> Loaded:
        folder = self._folder(name)
        key = (name, engines.resolve(folder, wanted))
        with self._lock:
            loaded = self._models.get(key)
            if loaded is not None and loaded.batcher.state in ("loading", "ready"):
                self._models.move_to_end(key)
                return loaded
            if loaded is not None and loaded.batcher.lost:
                self._lost.setdefault(key, []).append(time.monotonic())
            self._models.pop(key, None)
            self._refuse_if_it_keeps_crashing(key)
            needed = engines.bytes_of(folder, key[1]) + OVERHEAD_BYTES
            leaving = self._make_room(needed)
            loaded = self._open(key, folder, needed, leaving)
            self._models[key] = loaded
            return loaded

    def _refuse_if_it_keeps_crashing(self, key: tuple[str, str]) -> None:
        lately = [at for at in self._lost.get(key, []) if at > time.monotonic() - LOST_SECONDS]
        self._lost[key] = lately
        if len(lately) >= LOST_MOST:
            raise KeepsCrashing(
                f"The model's process was lost {len(lately)} times within a minute.",
                hint="It is tried again in a minute. The machine may be short of memory; the serve worker's log knows more.",
            )

    def _open(self, key: tuple[str, str], folder: Path, needed: int, leaving: Sequence[Batcher]) -> Loaded:
        task = str(manifest.read(folder).get("task", ""))
        name, engine = key

        def load() -> Predicts:
            for batcher in leaving:
                batcher.join()
            manifest.verify(folder)
            return self._load(folder, engine=engine)

        batcher = Batcher(name, load, wrap=_wrap(task), waiting_most=self._waiting_most)
        batcher.start()
        return Loaded(batcher=batcher, task=task, engine=engine, memory_bytes=needed, since=time.monotonic())

    def _make_room(self, needed: int) -> list[Batcher]:
        """Send away models until `needed` fits, idle ones before busy ones. They finish what they have."""
        leaving = []
        by_age = sorted(self._models, key=lambda name: self._models[name].batcher.waiting > 0)
        taken = sum(each.memory_bytes for each in self._models.values())
        for name in by_age:
            if taken + needed <= self._budget:
                break
            loaded = self._models.pop(name)
            taken -= loaded.memory_bytes
            loaded.batcher.close()
            leaving.append(loaded.batcher)
        return leaving

    def _drop(self, closed: Loaded) -> None:
        """Forget a model that was closed; one whose process was lost stays to be counted."""
        with self._lock:
            for key, loaded in list(self._models.items()):
                if loaded is closed and not closed.batcher.lost:
                    del self._models[key]

    def _folder(self, name: str) -> Path:
        """The artifact's folder. Raises `UnknownModel` for a name that leads elsewhere or nowhere."""
        parts = PurePosixPath(name).parts
        folder = self._root.joinpath(*parts)
        if not parts or parts[0] == "/" or ".." in parts or not folder.resolve().is_relative_to(self._root):
            raise UnknownModel(f"{name!r} is no model here")
        if not (folder / manifest.NAME).is_file():
            raise UnknownModel(f"{name!r} is no model here")
        weights = engines.WEIGHTS[engines.TORCH]
        if not (folder / weights).is_file():
            raise DamagedArtifact(f"{folder.name} has no {weights}")
        return folder


def _wrap(task: str) -> Callable[[Any], Any]:
    """As at Hugging Face, one text to classify or to write for is answered like a list of one; others answer it bare."""
    return (lambda answer: [answer]) if task in LISTED else (lambda answer: answer)
