"""Servers over HTTP: ours, transformers.pipeline behind uvicorn, and LitServe; one model, one socket, the same clients."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.serving import clients as loops
from bench.serving import texts
from nlpstudio.engine.environment import child_environment

ROOT = Path(__file__).resolve().parents[2]
PORT = 18731
OURS = ("torch", "onnx", "int8")
START_SECONDS = 180
RETRY_AFTER = 1.0
"""What the header of a refusal says, and what a decent client does."""


def compare(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Each server is started, warmed up, asked by each number of clients, and ended; then the next round."""
    asked = texts.read(args.texts)
    names = args.contenders or ["pipeline", *OURS, *(["litserve"] if args.lit else [])]
    windows = []
    with _training(args.training):
        for turn in range(args.rounds):
            for name in names:
                with _server(name, args) as server:
                    for count in args.clients:
                        seen = server.window(asked, clients=count, seconds=args.seconds)
                        windows.append({"contender": name, "round": turn, **seen.to_json()})
                        print(json.dumps(windows[-1]), file=sys.stderr, flush=True)
    return windows


def overload(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Our int8 engine from few clients to far more than its queue holds: what it still answers, and what it refuses."""
    asked = texts.read(args.texts)
    windows = []
    with _server("int8", args) as server:
        for turn in range(args.rounds):
            for count in args.clients:
                seen = server.window(asked, clients=count, seconds=args.seconds)
                windows.append({"contender": "int8", "round": turn, **seen.to_json()})
                print(json.dumps(windows[-1]), file=sys.stderr, flush=True)
    return windows


class _Server:
    def __init__(self, process: subprocess.Popen[bytes], address: str, body: Callable[[str], dict[str, Any]]) -> None:
        self.process = psutil.Process(process.pid)
        self.address = address
        self.body = body
        self.limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self.local = threading.local()

    def ask(self, text: str) -> int:
        client = getattr(self.local, "client", None)
        if client is None:
            client = self.local.client = httpx.Client(timeout=60, trust_env=False, verify=False, limits=self.limits)
        return client.post(self.address, json=self.body(text)).status_code  # type: ignore[no-any-return]

    def window(self, asked: list[str], *, clients: int, seconds: float) -> loops.Seen:
        return loops.run(
            self.ask,
            asked,
            clients=clients,
            seconds=seconds,
            spent=self.spent,
            memory=self.memory,
            pause=lambda: RETRY_AFTER,
        )

    def spent(self) -> float:
        times = [each.cpu_times() for each in self._all()]
        return sum(each.user + each.system for each in times)

    def memory(self) -> float:
        """Proportional: pages that processes share count once."""
        return sum(each.memory_full_info().pss for each in self._all()) / 2**20

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def _server(name: str, args: argparse.Namespace) -> Iterator[_Server]:
    environment = {**os.environ, **child_environment(1), "PYTHONPATH": str(ROOT)}
    here = Path(__file__).resolve().parent
    with tempfile.TemporaryDirectory() as home:
        python, body = sys.executable, lambda text: {"inputs": text}
        address = f"http://127.0.0.1:{PORT}/predict"
        if name == "pipeline":
            command = ["-m", "bench.serving.pipeline_server", str(args.model), str(PORT)]
        elif name == "litserve":
            python, command = str(args.lit), [str(here / "lit_server.py"), str(args.model), str(PORT)]
        else:
            models = Path(home) / "files" / "models"
            (models / "it").mkdir(parents=True)
            shutil.copytree(args.model, models / "it" / "model")
            command = ["-m", "bench.serving.our_server", str(models), str(PORT)]
            body = lambda text: {"model": "it/model", "engine": name, "inputs": text, "parameters": {}}  # noqa: E731
        process = subprocess.Popen([python, "-W", "ignore", *command], cwd=ROOT, env=environment)
        try:
            server = _Server(process, address, body)
            _wait(server, process)
            yield server
        finally:
            for each in psutil.Process(process.pid).children(recursive=True):
                each.kill()
            process.kill()
            process.wait()


def _wait(server: _Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended"
        try:
            if all(server.ask("a warm up") == 200 for _ in range(8)):
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TimeoutError("the server did not start")


@contextmanager
def _training(setting: Path | None) -> Iterator[None]:
    """A fine-tune of ours beside, as the train worker starts it, until the block is left."""
    if setting is None:
        yield
        return
    base, data = str(setting).split(",")
    command = [
        sys.executable, "-m", "nlpstudio.engine", "train", "--task", "classification", "--data", data,
        "--base-model", base, "--params", '{"epochs": 50, "threads": 1}',
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **child_environment(1), "PYTHONPATH": str(ROOT)}
        quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([*command, "--out", f"{folder}/out"], cwd=ROOT, env=environment, **quiet)
        time.sleep(20)
        try:
            yield
        finally:
            process.kill()
            process.wait()
