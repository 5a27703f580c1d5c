"""Base models from a Hub: a real client against a small Hub of our own on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import tiny_base_model

COMMIT = "1234567890abcdef1234567890abcdef12345678"
FETCH = """
import sys, json
from pathlib import Path
from nlpstudio.engine.conversion import hub
from nlpstudio.engine.conversion.sources import HubRepository
from nlpstudio.engine.errors import EngineError
try:
    folder = Path(sys.argv[1]); folder.mkdir()
    print(hub.collect(HubRepository(repo="some/model", weights=sys.argv[2]), folder))
except EngineError as error:
    print(error.code, error.message)
"""


class _Hub(BaseHTTPRequestHandler):
    """The four answers that huggingface_hub needs: the commit, the list of files, and each file's head and body."""

    root: Path

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        files = sorted(self.root.iterdir())
        if path.startswith("/api/models/some/model/revision/"):
            self._json({"id": "some/model", "sha": COMMIT, "siblings": [{"rfilename": f.name} for f in files]})
        elif path.startswith("/api/models/some/model/tree/"):
            self._json([{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": "0" * 40} for f in files])
        elif path.startswith(f"/some/model/resolve/{COMMIT}/") and (self.root / path.rsplit("/", 1)[1]).is_file():
            self._send((self.root / path.rsplit("/", 1)[1]).read_bytes(), "application/octet-stream")
        else:
            self.send_error(404)

    def _json(self, content: object) -> None:
        self._send(json.dumps(content).encode(), "application/json")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Type": kind, "Content-Length": str(len(body)), "ETag": f'"{hash(body):x}"', "X-Repo-Commit": COMMIT,
        }.items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a Hub with one repository, and the repository's folder."""
    root = tiny_base_model(tmp_path / "repository")
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Hub", (_Hub,), {"root": root}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", root
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(tmp_path: Path, address: str, weights: str = "model.safetensors", **env: str) -> str:
    """What a fetch into `tmp_path/model` prints. The client reads its address on import, so it is a new process."""
    environment = {
        "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path),
        "NO_PROXY": "*", "PYTHONPATH": str(Path(__file__).parents[2]), **env,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", FETCH, str(tmp_path / "model"), weights],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_repository_is_copied_at_its_commit(hub: tuple[str, Path], tmp_path: Path) -> None:
    address, root = hub
    (root / "modeling.py").write_text("raise SystemExit")
    assert fetch(tmp_path, address) == COMMIT
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def test_old_pytorch_weights_become_safetensors(hub: tuple[str, Path], tmp_path: Path) -> None:
    address, root = hub
    state = load_file(root / "model.safetensors")
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in state.items()}
    torch.save(old, root / "pytorch_model.bin")
    (root / "model.safetensors").unlink()
    assert fetch(tmp_path, address, "pytorch_model.bin") == COMMIT
    written = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.equal(written[name], tensor) for name, tensor in state.items())
    assert not (tmp_path / "model" / "pytorch_model.bin").exists()


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("open('sprung', 'w')",)


def test_a_pickle_that_runs_code_is_not_obeyed(hub: tuple[str, Path], tmp_path: Path) -> None:
    address, root = hub
    torch.save({"weight": _Trap()}, root / "pytorch_model.bin")
    assert fetch(tmp_path, address, "pytorch_model.bin").startswith("base_model.refused")
    assert not Path("sprung").exists()


def test_a_repository_without_the_weights_is_refused(hub: tuple[str, Path], tmp_path: Path) -> None:
    address, root = hub
    (root / "model.safetensors").unlink()
    assert fetch(tmp_path, address).startswith("base_model.refused some/model holds no model.safetensors")


def test_an_unreachable_hub_is_said_in_words_soon(tmp_path: Path) -> None:
    said = fetch(tmp_path, "http://127.0.0.1:9")
    assert said.startswith("base_model.missing some/model cannot be downloaded from the Hugging Face Hub")


def test_offline_mode_uses_what_the_cache_holds(hub: tuple[str, Path], tmp_path: Path) -> None:
    address, _ = hub
    assert fetch(tmp_path, address) == COMMIT
    (tmp_path / "model").rename(tmp_path / "first")
    assert fetch(tmp_path, address, HF_HUB_OFFLINE="1") == COMMIT
