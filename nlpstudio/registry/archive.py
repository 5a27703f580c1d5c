"""A version as a zip that is written while it is sent, so that no size of model needs memory or a second copy."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from nlpstudio.engine import manifest
from nlpstudio.registry.models import ModelVersion

_CHUNK = 1 << 20


class _Tape:
    """What the zip writer has written and nobody has taken yet. It cannot seek or tell, which zipfile allows."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: what is written can be taken at once."""

    def close(self) -> None:
        """Nothing to do."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def everything(path: Path) -> bool:
    return True


def without_weights(path: Path) -> bool:
    """What the ONNX graphs need to run elsewhere: they hold the weights themselves, and have a manifest of their own."""
    return path.suffix != ".safetensors" and (path.name != manifest.NAME or path.parent.name == manifest.ONNX)


def zipped(folder: Path, name: str, wanted: Callable[[Path], bool] = everything) -> Iterator[bytes]:
    """The wanted files of `folder` below a top folder called `name`, as the bytes of a zip in pieces.

    Stored, not deflated: weights do not shrink.
    """
    tape = _Tape()
    with zipfile.ZipFile(tape, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(each for each in folder.rglob("*") if each.is_file() and wanted(each)):
            entry = zipfile.ZipInfo.from_file(path, f"{name}/{path.relative_to(folder).as_posix()}")
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK):
                    target.write(chunk)
                    yield tape.take()
    yield tape.take()


def name_of(version: ModelVersion) -> str:
    """What the folder in the zip, and the zip itself, are called."""
    return plain_name(f"{version.model.name} v{version.number}")


def plain_name(name: str) -> str:
    """A name that cannot lead out of a folder."""
    return name.replace("/", "-").replace("\\", "-")
