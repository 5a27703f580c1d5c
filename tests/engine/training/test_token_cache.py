"""What was tokenised is used again when it is the same and whole, and only then."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.job import Job
from nlpstudio.engine.spec import TrainParams, TrainSpec
from nlpstudio.engine.tasks import TASKS
from nlpstudio.engine.training import example_columns, preparing, token_cache
from tests.engine.cast import training
from tests.tiny import write_sentiment_tsv


def same(one: Any, other: Any) -> bool:
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)
        )
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, (list, dict)):
        pairs = (
            zip(one.values(), other.values(), strict=True) if isinstance(one, dict) else zip(one, other, strict=True)
        )
        return all(same(*pair) for pair in pairs)
    return type(one) is type(other) and one == other


REPEATABLE = sorted(name for name, task in TASKS.items() if not getattr(task, "encodes_by_chance", True))


@pytest.mark.parametrize("task", REPEATABLE)
def test_examples_of_every_task_without_chance_are_the_same_after_their_columns(
    task: str, base_model: Path, tmp_path: Path
) -> None:
    examples = training(task, base_model, tmp_path).train
    arrays, columns = example_columns.to_arrays(examples)
    again = example_columns.from_arrays(arrays, json.loads(json.dumps(columns)))
    assert same(list(examples), again)


def test_a_file_cannot_name_a_class_that_is_not_the_engines(base_model: Path, tmp_path: Path) -> None:
    arrays, columns = example_columns.to_arrays(training("classification", base_model, tmp_path).train)
    for name in ("pathlib:Path", "nlpstudio.engine.nowhere:Example", "nlpstudio.engine.job:json"):
        with pytest.raises(ValueError, match="no dataclass of the engine"):
            example_columns.from_arrays(arrays, {**columns, "class": name})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "token-cache"


def job_in(folder: Path, base_model: Path, **params: Any) -> Job:
    if not (folder / "dataset").exists():
        write_sentiment_tsv(folder / "rows.tsv", 80)
        import_file(folder / "rows.tsv", folder / "dataset", ImportOptions(task="classification"))
    spec = TrainSpec(task="classification", base_model="tiny", params=TrainParams(**params))
    places = {"work": folder / "work", "out": folder / "out"}
    return Job(spec=spec, dataset=folder / "dataset", base_model=base_model, **places)


def prepared(job: Job) -> dict[str, Any]:
    """What a training gets of its data, as values to compare."""
    data = preparing.prepare(job)
    held_out = {name: [split.rows, list(split.examples)] for name, split in data.held_out.items()}
    facts = {"rows": data.rows, "truncated": data.truncated, "sha256": data.split_sha256, "shown": data.examples}
    return {"train": data.train, "held_out": held_out, "facts": facts}


def test_the_second_run_on_the_same_data_takes_what_the_first_kept(
    base_model: Path, tmp_path: Path, home: Path
) -> None:
    first = prepared(job_in(tmp_path, base_model))
    entries = {path: path.stat().st_ino for path in home.iterdir()}
    assert len(entries) == 3
    assert same(first, prepared(job_in(tmp_path, base_model, seed=1, epochs=9, learning_rate=1e-3)))
    assert {path: path.stat().st_ino for path in home.iterdir()} == entries
    prepared(job_in(tmp_path, base_model, max_length=16))
    assert len(list(home.iterdir())) == 6


def cut_in_half(entry: Path) -> None:
    path = entry / token_cache.ARRAYS
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_byte(entry: Path) -> None:
    path = entry / token_cache.ARRAYS
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def lose_the_manifest(entry: Path) -> None:
    (entry / "manifest.json").unlink()


@pytest.mark.parametrize("harm", [cut_in_half, flip_a_byte, lose_the_manifest])
def test_a_torn_or_damaged_entry_is_made_anew(
    harm: Callable[[Path], None], base_model: Path, tmp_path: Path, home: Path
) -> None:
    job = job_in(tmp_path, base_model)
    first = prepared(job)
    for entry in home.iterdir():
        harm(entry)
        assert token_cache.load(entry.name) is None
    assert same(first, prepared(job))
    assert all(token_cache.load(entry.name) for entry in home.iterdir())


def test_what_was_not_used_for_longest_makes_room(
    base_model: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(job_in(tmp_path, base_model))
    old = set(home.iterdir())
    size = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    for entry in old:
        os.utime(entry, (0, 0))
    monkeypatch.setattr(token_cache, "MOST_BYTES", int(1.5 * size))
    prepared(job_in(tmp_path, base_model, max_length=16))
    left = set(home.iterdir())
    assert len(left - old) == 3
    assert old - left
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) <= 1.5 * size


def test_without_a_home_nothing_is_kept(base_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDIO_HOME", raising=False)
    prepared(job_in(tmp_path, base_model))
    assert not list(tmp_path.rglob("token-cache"))
