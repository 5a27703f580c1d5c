"""What is exported can be imported again, comes in pieces, and cannot hurt a spreadsheet."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlpstudio.core.streaming import CHUNK, gathered
from nlpstudio.datasets import downloads
from nlpstudio.datasets.exporting import pieces
from nlpstudio.datasets.models import DatasetVersion, VersionState
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.store import DatasetFolder
from tests.datasets.conftest import FILES, REVIEWS, Import


@pytest.mark.parametrize("form", ["tsv", "jsonl"])
@pytest.mark.parametrize("task", list(FILES))
def test_an_export_imported_again_is_the_same_data(bring: Import, tmp_path: Path, task: str, form: str) -> None:
    version = bring(FILES[task], task)
    again = tmp_path / f"again.{form}"
    again.write_bytes(b"".join(pieces(DatasetFolder.open(version.folder), form)))
    info = import_file(again, tmp_path / "again", ImportOptions(task=task)).info
    assert (info.rows, info.splits, info.labels) == (version.rows, version.splits, version.labels)
    assert info.problem_count == 0
    assert _contents(tmp_path / "again", task) == _contents(version.folder, task)


def _contents(folder: Path, task: str) -> list[str]:
    rows = DatasetFolder.open(folder)
    dropped = ("row_id", "line", "key")
    return sorted(json.dumps({k: v for k, v in row.to_record().items() if k not in dropped}) for row in rows.rows())


def test_one_split_can_be_exported(version: DatasetVersion) -> None:
    lines = b"".join(pieces(DatasetFolder.open(version.folder), "tsv", split="test")).decode().splitlines()
    assert len(lines) == 1 + version.splits["test"]
    assert all(line.endswith("\ttest") for line in lines[1:])


def test_formulas_are_made_harmless_only_when_asked(bring: Import) -> None:
    version = bring(REVIEWS + "=1+cmd|' /C calc'!A0\tgood\n@SUM(A1)\tbad\n")
    folder = DatasetFolder.open(version.folder)
    safe = b"".join(pieces(folder, "tsv", safe=True)).decode().splitlines()
    plain = b"".join(pieces(folder, "tsv")).decode().splitlines()
    assert not [line for line in safe if line.startswith(("=", "+", "-", "@"))]
    assert len([line for line in plain if line.startswith(("=", "@"))]) == 2


def test_an_export_holds_a_row_group_in_memory_not_the_data(bring: Import) -> None:
    text = "text\tlabel\n" + "".join(f"{number} {'word ' * 60}\t{'ab'[number % 2]}\n" for number in range(30_000))
    version = bring(text)
    assert version.state == VersionState.READY
    size, stream = 0, gathered(pieces(DatasetFolder.open(version.folder), "tsv"))
    tracemalloc.start()
    for piece in stream:
        size += len(piece)
        assert len(piece) < 2 * CHUNK
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 9_000_000
    assert peak < size / 2


async def test_a_download_is_made_piece_by_piece() -> None:
    made: list[int] = []

    def slowly() -> Iterator[bytes]:
        for number in range(10):
            made.append(number)
            yield b"x" * CHUNK

    response = downloads.attachment(slowly(), "a.tsv", "text/plain")
    stream = aiter(response)
    assert len(await anext(stream)) == CHUNK
    assert len(made) < 3


def test_a_name_cannot_leave_its_header(version: DatasetVersion) -> None:
    version.dataset.name = 'a"\r\nSet-Cookie: x=1; ../../数据'
    header = downloads.export(version, "tsv")["Content-Disposition"]
    assert "\n" not in header
    assert "/" not in header
    assert header.startswith("attachment; filename")
