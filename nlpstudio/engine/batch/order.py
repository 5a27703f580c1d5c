"""The order of a batch prediction: which model answers which columns of which file, and where the result goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from nlpstudio.engine.inference import engines
from nlpstudio.engine.jsonable import Jsonable

ORDER_FILE = "order.json"
FAILED_FILE = "failed.json"
RESULT_FILE = "result.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What a model of a task reads of each row."""

    needed: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.needed, *self.optional)


ROLES: Mapping[str, Roles] = {
    "classification": Roles(needed=("text",), optional=("text_pair",)),
    "ner": Roles(needed=("text",)),
    "qa": Roles(needed=("context", "question")),
    "translation": Roles(needed=("source",)),
    "summarization": Roles(needed=("source",)),
    "generation": Roles(needed=("prompt",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Jsonable):
    """How a file is to be read; `None` means "find out from the file". `columns` maps a role to a column's name."""

    columns: dict[str, str] | None = None
    header: bool | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One batch prediction on disk; all paths are absolute.

    `model` is an artifact's folder, `source` the file and `name` what the person calls it. `trained` maps roles to
    the column names of the data the model learnt from. `engine` answers. `work` survives a crash; `out` gets the result.
    With `abstain_below` a classifier's rows get a column that says which of them are less sure.
    """

    task: str
    model: Path
    source: Path
    name: str
    work: Path
    out: Path
    reading: Reading = field(default_factory=Reading)
    trained: dict[str, str] = field(default_factory=dict)
    engine: str = engines.TORCH
    abstain_below: float | None = None

    def to_json(self) -> dict[str, Any]:
        paths = {key: str(getattr(self, key)) for key in ("model", "source", "work", "out")}
        return {
            "task": self.task,
            "name": self.name,
            **paths,
            "reading": self.reading.to_json(),
            "trained": self.trained,
            "engine": self.engine,
            "abstain_below": self.abstain_below,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        paths = {key: Path(values[key]) for key in ("model", "source", "work", "out")}
        return cls(
            task=values["task"],
            name=values["name"],
            **paths,
            reading=Reading.from_json(values["reading"]),
            trained=dict(values["trained"]),
            engine=values.get("engine", engines.TORCH),
            abstain_below=values.get("abstain_below"),
        )

    def write(self) -> Path:
        """Put the order into its work folder and return the path."""
        self.work.mkdir(parents=True, exist_ok=True)
        path = self.work / ORDER_FILE
        path.write_text(json.dumps(self.to_json(), indent=1, ensure_ascii=False), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))

    def key(self) -> str:
        """What the answers depend on: work of another order is not continued."""
        facts = {**self.to_json(), "bytes": self.source.stat().st_size}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Jsonable):
    """What came of an order. `file` lies in the order's `out`; `name` is what to call it when it is downloaded.

    `errors` rows could not be answered. `delimiter` and `quoting` are those of a table, empty and false else.
    """

    file: str
    name: str
    format: str
    encoding: str
    delimiter: str
    quoting: bool
    rows: int
    errors: int
    columns: list[str]
