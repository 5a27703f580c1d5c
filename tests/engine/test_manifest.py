"""A manifest that was harmed itself is seen as such, whichever of its bits it was."""

from __future__ import annotations

from pathlib import Path

from nlpstudio.engine import manifest
from nlpstudio.engine.errors import DamagedArtifact


def test_any_flipped_bit_is_found_or_changes_nothing_that_is_listed(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    for name in ("weights", "part/more"):
        (tmp_path / name).write_text(name)
    listed = manifest.write(tmp_path, {"kind": "test"})["files"]
    path = tmp_path / manifest.NAME
    whole, found = path.read_bytes(), 0
    for bit in range(8 * len(whole)):
        harmed = bytearray(whole)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        try:
            assert manifest.verify(tmp_path)["files"] == listed
        except DamagedArtifact:
            found += 1
    assert found > 4 * len(whole)
