"""The order that a training process is started with: a spec and where its files are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from nlpstudio.engine.spec import TrainSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training run on disk. All paths are absolute.

    `dataset` is a folder as `engine.data.store` writes it, `base_model` a folder that
    `transformers` loads, `work` holds checkpoints (and survives a crash), `out` is where the
    finished artifact appears whole: `out/model` (architecture 5.5) and `out/predictions`.
    `name` titles the model card.
    """

    spec: TrainSpec
    dataset: Path
    base_model: Path
    work: Path
    out: Path
    name: str = ""

    def to_json(self) -> dict[str, Any]:
        paths = {key: str(getattr(self, key)) for key in ("dataset", "base_model", "work", "out")}
        return {"spec": self.spec.to_json(), "name": self.name, **paths}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        paths = {key: Path(values[key]) for key in ("dataset", "base_model", "work", "out")}
        return cls(spec=TrainSpec.from_json(values["spec"]), name=values.get("name", ""), **paths)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self.to_json(), indent=2, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))
