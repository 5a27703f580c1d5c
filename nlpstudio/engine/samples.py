"""The sample data sets that come with the studio: what they are and where their files lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nlpstudio
from nlpstudio.engine.errors import EngineError

FOLDER = Path(nlpstudio.__path__[0]) / "samples"


class SampleMissing(EngineError):
    """There is no sample of that id."""

    code = "sample.missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One data set, ready to train on. `rows` counts examples (questions for QA).

    `base_model` and `params` (as in `TrainParams`) are what gives a good model of it in minutes.
    Files without a `split` column are split by the studio.
    """

    id: str
    name: str
    task: str
    language: str
    file: str
    rows: int
    licence: str
    source: str
    note: str
    base_model: str
    params: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The data file."""
        return FOLDER / self.file


def _read(index: Path) -> dict[str, Sample]:
    entries = json.loads(index.read_text(encoding="utf-8"))
    return {entry["id"]: Sample(**entry) for entry in entries}


# Read on import like the code beside it: the index is part of the package and never changes.
SAMPLES: Mapping[str, Sample] = _read(FOLDER / "samples.json")


def find(sample_id: str) -> Sample:
    """The sample of that id. Raises `SampleMissing`, naming those there are."""
    if sample_id not in SAMPLES:
        raise SampleMissing(f"there is no sample {sample_id!r}", hint=f"Samples: {', '.join(SAMPLES)}.")
    return SAMPLES[sample_id]
