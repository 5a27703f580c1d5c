"""A stored data set gives back exactly what went in, a page at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nlpstudio.engine.data import importing
from nlpstudio.engine.data.options import SPLITS, ImportOptions
from nlpstudio.engine.data.store import DatasetFolder, DatasetInfo
from nlpstudio.engine.errors import UnreadableFile
from tests.engine.data.makers import Desk, Loaded, entities, jsonl

MANY = 25_000


@pytest.fixture
def many(desk: Desk) -> Loaded:
    lines = "".join(
        f"row {number} {'Wörd' if number % 5 == 0 else 'x'}\t{'abc'[number % 3]}\n" for number in range(MANY)
    )
    return desk.load("classification", "a.tsv", lines)


def test_rows_come_in_order_and_splits_partition_them(many: Loaded) -> None:
    dataset = many.dataset
    assert [row.row_id for row in dataset.rows()] == list(range(MANY))
    ids = [[row.row_id for row in dataset.rows(split)] for split in SPLITS]
    assert sorted(row_id for split in ids for row_id in split) == list(range(MANY))
    assert [len(split) for split in ids] == [dataset.count(split) for split in SPLITS]
    assert dataset.count() == MANY


def test_pages_reach_across_row_groups(many: Loaded) -> None:
    records, total = many.dataset.page(9_995, 10)
    assert total == MANY
    assert [record["text"].split()[1] for record in records] == [str(number) for number in range(9_995, 10_005)]
    assert {record["split"] for record in records} <= set(SPLITS)
    assert many.dataset.page(MANY + 5, 10) == ([], MANY)


def test_pages_are_filtered_by_split_text_and_label(many: Loaded) -> None:
    records, total = many.dataset.page(2, 3, split="test", query="wörd", label="b")
    expected = [row for row in many.dataset.rows("test") if "Wörd" in row.text and row.labels == ("b",)]
    assert total == len(expected)
    assert [record["row_id"] for record in records] == [row.row_id for row in expected[2:5]]


def test_single_rows_are_found_by_id(many: Loaded) -> None:
    found = many.dataset.get([24_999, 0, 10_000])
    assert {row_id: record["text"].split()[1] for row_id, record in found.items()} == {
        0: "0",
        10_000: "10000",
        24_999: "24999",
    }
    with pytest.raises(KeyError):
        many.dataset.get([MANY])


def test_entities_and_questions_are_filtered_by_type_and_answerability(desk: Desk) -> None:
    marked = [
        {"text": "Anna here", "label": [[0, 4, "PER"]]},
        {"text": "Rome here", "label": [[0, 4, "LOC"]]},
        {"text": "none", "label": []},
    ]
    people = desk.load("ner", "a.jsonl", jsonl(*marked)).dataset
    assert [record["text"] for record in people.page(0, 9, label="PER")[0]] == ["Anna here"]
    assert [entities(row) for row in people.rows()] == [[("Anna", "PER")], [("Rome", "LOC")], []]
    asked = desk.load("qa", "a.tsv", "context\tquestion\tanswer\na b\tq1\ta\nc d\tq2\t\n").dataset
    assert [record["question"] for record in asked.page(0, 9, label="unanswerable")[0]] == ["q2"]
    assert [record["question"] for record in asked.page(0, 9, label="answerable")[0]] == ["q1"]


def test_the_fingerprint_is_of_rows_and_splits_and_nothing_else(desk: Desk) -> None:
    one = desk.load("classification", "a.tsv", "a\tx\nb\ty\nc\tx\n").info
    same = desk.load(
        "classification", "other.jsonl", jsonl(*({"label": y, "text": x} for x, y in ("ax", "by", "cx")))
    ).info
    other_label = desk.load("classification", "c.tsv", "a\tx\nb\ty\nc\ty\n").info
    other_split = desk.load(
        "classification",
        "d.tsv",
        "a\tx\ttest\nb\ty\ttrain\nc\tx\ttrain\n",
        columns={"text": "0", "label": "1", "split": "2"},
    ).info
    assert one.fingerprint == same.fingerprint
    assert len({one.fingerprint, other_label.fingerprint, other_split.fingerprint}) == 3
    assert one.source_sha256 != same.source_sha256


def test_what_was_found_out_is_kept_as_options_that_import_the_same_again(desk: Desk) -> None:
    path = desk.put("a.tsv", "label\ttext_a\nx\ta\ny\tb\nx\tc\n".encode("utf-16"))
    first = desk.load_path("classification", path)
    again = ImportOptions.from_json(json.loads(json.dumps(first.info.options)))
    assert again.columns == {"label": "label", "text": "text_a"}
    report = importing.import_file(path, desk.folder / "again", again)
    assert report.info.fingerprint == first.info.fingerprint
    assert report.info.options == first.info.options


def test_the_info_survives_json(many: Loaded) -> None:
    assert DatasetInfo.from_json(json.loads(json.dumps(many.info.to_json()))) == many.info == many.dataset.info


def test_a_folder_without_its_info_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no imported data set"):
        DatasetFolder.open(tmp_path)


def test_an_import_that_breaks_off_leaves_nothing(desk: Desk) -> None:
    def stop(rows: int, share: float) -> None:
        raise KeyboardInterrupt

    path = desk.put("a.tsv", "a\tx\nb\ty\n" * 1000)
    with pytest.raises(KeyboardInterrupt):
        importing.import_file(path, desk.folder / "set", ImportOptions(task="classification"), progress=stop)
    assert [each.name for each in desk.folder.iterdir()] == ["a.tsv"]


def test_a_data_set_is_never_overwritten(desk: Desk) -> None:
    path = desk.put("a.tsv", "a\tx\nb\ty\n")
    (desk.folder / "set").mkdir()
    with pytest.raises(FileExistsError):
        importing.import_file(path, desk.folder / "set", ImportOptions(task="classification"))


def test_progress_rises_to_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PROGRESS_EVERY", 0.0)
    told: list[tuple[int, float]] = []
    path = desk.put("a.tsv", "some longer text\tx\nanother text\ty\n" * 20_000)
    importing.import_file(
        path, desk.folder / "set", ImportOptions(task="classification"), progress=lambda *step: told.append(step)
    )
    assert told == sorted(told)
    assert told[-1] == (40_000, 1.0)
    assert any(0.2 < share < 0.8 for _, share in told)


def test_a_large_file_is_imported_in_bounded_memory(tmp_path: Path) -> None:
    """200,000 rows of 100 bytes: 20 MB of text in less than 80 MiB over idle (a million rows: `bench/ingest.py`)."""
    code = (
        "import sys, json, pathlib, bench.ingest as bench;"
        "found = bench.measure(pathlib.Path(sys.argv[1]), 200_000);"
        "print(json.dumps({**found, 'modules': [m for m in ('torch', 'transformers', 'pandas', 'django') if m in sys.modules]}))"
    )
    out = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    found = json.loads(out)
    assert (found["good_rows"], found["rejected_rows"], found["rows_read_back"]) == (199_980, 20, 199_980)
    assert found["import_peak_over_idle_mib"] < 80
    assert found["modules"] == []
