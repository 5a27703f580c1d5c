"""The requests of the serving benchmark: sentences as they are, and every other one as a longer text of three."""

from __future__ import annotations

from pathlib import Path


def read(path: Path) -> list[str]:
    """The texts of a tab-separated file with a header; about 25 and 60 tokens long, by turns."""
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    texts = [line.split("\t")[0] for line in lines]
    return [
        text if place % 2 else " ".join(texts[(place + each) % len(texts)] for each in range(3))
        for place, text in enumerate(texts)
    ]
