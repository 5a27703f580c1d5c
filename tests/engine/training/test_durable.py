"""A folder is on the disk before it has its name; one that found no space says so, whichever library found out."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from safetensors import SafetensorError

from nlpstudio.engine.errors import DiskFull
from nlpstudio.engine.training import durable


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
    ids=["the system", "safetensors"],
)
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(DiskFull) as told, durable.whole_folder(tmp_path / "step", {}):
        raise error
    assert told.value.hint and list(tmp_path.iterdir()) == []


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError), durable.whole_folder(tmp_path / "step", {}):
        raise SafetensorError("invalid header")


def test_everything_is_on_the_disk_before_it_gets_its_name(tmp_path: Path) -> None:
    calls: list[str] = []

    def note(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ in ("fsync", "rename"):
            calls.append(called.__name__)

    sys.setprofile(note)
    try:
        with durable.whole_folder(tmp_path / "whole", {}) as draft:
            (draft / "weights").write_bytes(b"w")
            (draft / "part").mkdir()
            (draft / "part" / "more").write_bytes(b"m")
    finally:
        sys.setprofile(None)
    files_manifest_folders = 2 + 1 + 2
    assert calls == ["fsync"] * files_manifest_folders + ["rename", "fsync"]
