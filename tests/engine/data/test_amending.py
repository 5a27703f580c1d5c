"""A data set amended by corrected rows: those in their places, new ones in train, all else word for word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nlpstudio.engine.data.amending import amend
from nlpstudio.engine.data.rows import ClassificationRow, QARow, Row, TaggedRow
from nlpstudio.engine.data.store import DatasetFolder
from nlpstudio.engine.errors import UnusableData
from tests.published import Train, trained

__all__ = ["trained"]


def kept(path: Path) -> list[tuple[Row, str]]:
    folder = DatasetFolder.open(path)
    rows = [(row, split) for split in ("train", "validation", "test") for row in folder.rows(split)]
    return [(replace(row, row_id=0, line=0), split) for row, split in sorted(rows, key=lambda each: each[0].row_id)]


FRESH: dict[str, Row] = {
    "classification": ClassificationRow(text="brand new 好", labels=("negative",)),
    "ner": TaggedRow(text="bob at lake", tokens=((0, 3), (4, 6), (7, 11)), tags=("B-PER", "O", "B-LOC")),
    "qa": QARow(context="bob lives here.", question="where is bob", answers=(("here", 10),)),
}


@pytest.mark.parametrize("task", list(FRESH))
def test_nothing_changes_but_what_was_corrected(trained: Train, tmp_path: Path, task: str) -> None:
    base = trained(task).dataset
    before = kept(base)
    old, split = next(each for each in before if each[1] == "test")
    changes = {"classification": {"labels": ("new",)}, "ner": {"tags": ("O",) * 99}, "qa": {"answers": ()}}[task]
    if isinstance(old, TaggedRow):
        changes = {"tags": ("O",) * len(old.tags)}
    right = replace(old, **changes)
    report = amend(base, tmp_path / "amended", [replace(right, line=7), FRESH[task]], name="2 corrections")
    expected = [(right, each[1]) if _input(each[0]) == _input(old) else each for each in before]
    assert kept(tmp_path / "amended") == [*expected, (replace(FRESH[task], row_id=0), "train")]
    info, base_info = report.info, DatasetFolder.open(base).info
    assert info.rows == base_info.rows + 1 and info.options == base_info.options
    assert info.splits == {**base_info.splits, "train": base_info.splits["train"] + 1}
    assert info.fingerprint != base_info.fingerprint and info.statistics
    assert split == "test"


def _input(row: Row) -> object:
    record = row.to_record()
    return [record.get(name) for name in ("text", "text_pair", "context", "question")]


def test_without_corrections_it_is_the_same_data(trained: Train, tmp_path: Path) -> None:
    base = trained("classification").dataset
    report = amend(base, tmp_path / "same", [], name="nothing")
    assert report.info.fingerprint == DatasetFolder.open(base).info.fingerprint


def test_the_last_of_several_corrections_counts_and_another_tasks_is_refused(trained: Train, tmp_path: Path) -> None:
    base = trained("classification").dataset
    fresh = FRESH["classification"]
    amend(base, tmp_path / "amended", [fresh, replace(fresh, labels=("positive",))], name="2 corrections")  # type: ignore[arg-type]
    assert kept(tmp_path / "amended")[-1][0].labels == ("positive",)  # type: ignore[attr-defined]
    with pytest.raises(UnusableData, match="for qa"):
        amend(base, tmp_path / "refused", [FRESH["qa"]], name="1 correction")
    assert not (tmp_path / "refused").exists()
