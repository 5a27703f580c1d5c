"""Orders on files of a test, answered by really trained tiny models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nlpstudio.engine.batch.order import Order, Reading
from tests.published import Train, trained

__all__ = ["trained"]

MakeOrder = Callable[..., Order]


@pytest.fixture
def order(trained: Train, tmp_path: Path) -> MakeOrder:
    """`order(content, name)` writes the file and orders the answers to its rows."""

    def make(content: bytes | str, name: str = "rows.tsv", task: str = "classification", **reading: Any) -> Order:
        source = tmp_path / "source"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        return Order(
            task=task,
            model=trained(task).out / "model",
            source=source,
            name=name,
            work=_made(tmp_path / "work"),
            out=tmp_path / "out",
            reading=Reading(**reading),
        )

    return make


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
