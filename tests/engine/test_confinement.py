"""A training process reaches no network where the kernel allows to forbid it, and knows no secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROBE = """
import os, socket
from pathlib import Path
from nlpstudio.engine.confinement import confine
alone = confine()
listener = socket.create_server(("127.0.0.1", 0))
socket.create_connection(listener.getsockname(), timeout=5).close()
names = [name for _index, name in socket.if_nameindex()]
Path("written").write_text("x")
print(alone, names, os.stat("written").st_uid == os.getuid())
"""


def test_after_confinement_only_the_loopback_is_there_and_files_are_still_ours(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("False"):
        pytest.skip("this kernel allows no network namespace")
    assert done.stdout.strip() == "True ['lo'] True"
