"""A folder that could not be written for want of space says so, whichever library found out."""

from __future__ import annotations

import errno
from pathlib import Path

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
