"""The loaded models of a serve worker: on demand, several at once, the least recently used one leaves first."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nlpstudio.engine import manifest
from nlpstudio.engine.errors import DamagedArtifact, EngineError
from nlpstudio.engine.inference.batcher import WAITING_MOST, Batcher, Closed, Predicts, Request

WEIGHTS = "model.safetensors"
OVERHEAD_BYTES = 48 << 20
"""What a loaded model takes besides its weights: the tokenizer, and activations of a batch."""


class UnknownModel(EngineError):
    """No such folder below the models' root."""

    code = "predict.unknown_model"


@dataclass(slots=True, kw_only=True)
class Loaded:
    """A model in the pool and what it is reckoned to take."""

    batcher: Batcher
    task: str
    memory_bytes: int
    since: float
    requests: int = 0


class Pool:
    """`load` makes a predictor from an artifact's folder; it is called in the model's own thread.

    Only folders below `root` whose files agree with their manifest are loaded. `budget_bytes` bounds what the
    loaded models are reckoned to take; one model is always allowed.
    """

    def __init__(
        self, root: Path, load: Callable[[Path], Predicts], *, budget_bytes: int, waiting_most: int = WAITING_MOST
    ) -> None:
        self._root = root.resolve()
        self._load = load
        self._budget = budget_bytes
        self._waiting_most = waiting_most
        self._models: OrderedDict[str, Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def submit(self, name: str, inputs: Any, parameters: dict[str, Any], *, seconds: float) -> Future[Any]:
        """Ask the model in folder `name` and return the coming answer.

        The answer raises `UnsuitableInput`, `DamagedArtifact` or `TooLate`. Raises `UnknownModel` and `QueueFull`.
        """
        request = Request(inputs=inputs, parameters=parameters, deadline=time.monotonic() + seconds)
        while True:
            loaded = self._get(name)
            try:
                loaded.batcher.submit(request)
            except Closed:
                self._drop(name, loaded)
                continue
            loaded.requests += 1
            return request.answer

    def warm(self, name: str) -> str:
        """Begin to load the model unless it is there. Returns its state."""
        return self._get(name).batcher.state

    def describe(self) -> list[dict[str, Any]]:
        """The models in the pool, the least recently used first."""
        with self._lock:
            return [
                {
                    "model": name,
                    "task": each.task,
                    "state": each.batcher.state,
                    "memory_bytes": each.memory_bytes,
                    "waiting": each.batcher.waiting,
                    "requests": each.requests,
                    "seconds": round(time.monotonic() - each.since, 3),
                }
                for name, each in self._models.items()
            ]

    def close(self) -> None:
        """Let every model finish what waits and go."""
        with self._lock:
            leaving = [each.batcher for each in self._models.values()]
            self._models.clear()
        for batcher in leaving:
            batcher.close()

    def _get(self, name: str) -> Loaded:
        with self._lock:
            loaded = self._models.get(name)
            if loaded is not None and loaded.batcher.state in ("loading", "ready"):
                self._models.move_to_end(name)
                return loaded
            folder = self._folder(name)
            needed = (folder / WEIGHTS).stat().st_size + OVERHEAD_BYTES
            self._models.pop(name, None)
            leaving = self._make_room(needed)
            loaded = self._open(name, folder, needed, leaving)
            self._models[name] = loaded
            return loaded

    def _open(self, name: str, folder: Path, needed: int, leaving: Sequence[Batcher]) -> Loaded:
        task = str(manifest.read(folder).get("task", ""))

        def load() -> Predicts:
            for batcher in leaving:
                batcher.join()
            manifest.verify(folder)
            return self._load(folder)

        batcher = Batcher(name, load, wrap=_wrap(task), waiting_most=self._waiting_most)
        batcher.start()
        return Loaded(batcher=batcher, task=task, memory_bytes=needed, since=time.monotonic())

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

    def _drop(self, name: str, loaded: Loaded) -> None:
        with self._lock:
            if self._models.get(name) is loaded:
                del self._models[name]

    def _folder(self, name: str) -> Path:
        """The artifact's folder. Raises `UnknownModel` for a name that leads elsewhere or nowhere."""
        parts = PurePosixPath(name).parts
        folder = self._root.joinpath(*parts)
        if not parts or parts[0] == "/" or ".." in parts or not folder.resolve().is_relative_to(self._root):
            raise UnknownModel(f"{name!r} is no model here")
        if not (folder / manifest.NAME).is_file():
            raise UnknownModel(f"{name!r} is no model here")
        if not (folder / WEIGHTS).is_file():
            raise DamagedArtifact(f"{folder.name} has no {WEIGHTS}")
        return folder


def _wrap(task: str) -> Callable[[Any], Any]:
    """As at Hugging Face, one text to classify is answered like a list of one; other tasks answer it bare."""
    return (lambda answer: [answer]) if task == "classification" else (lambda answer: answer)
