"""The manifest of an artifact: which files belong to it, with the sha256 of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlpstudio.engine.errors import DamagedArtifact

NAME = "manifest.json"
ONNX = "onnx"
"""A folder that joins a finished artifact later (architecture 5.5). It has a manifest of its own."""
FACTS = {"size", "sha256"}
"""What is written of each file."""
_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """The file's sha256 in hexadecimal, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """`{relative name: {size, sha256}}` of every file below `folder` but the manifest itself (and an export's)."""
    return {
        name: {"size": (folder / name).stat().st_size, "sha256": sha256_of(folder / name)} for name in _names(folder)
    }


def _names(folder: Path) -> list[str]:
    """The files of an artifact, relative to its folder; not its manifest, nor what joined it with one of its own."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    own = (path for path in files if path != Path(NAME) and not (path.parts[0] == ONNX and _is_apart(folder)))
    return sorted(path.as_posix() for path in own)


def _is_apart(folder: Path) -> bool:
    return (folder / ONNX / NAME).is_file()


def write(folder: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Describe `folder` as it stands and write the manifest: the last file of an artifact."""
    manifest = {**facts, "files": describe(folder)}
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")
    return manifest


def read(folder: Path) -> dict[str, Any]:
    """The manifest's content. Raises `DamagedArtifact` when it is missing or unreadable."""
    try:
        manifest: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DamagedArtifact(f"{folder.name} has no readable manifest: {error}") from error
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or not all(
        isinstance(facts, dict) and facts.keys() >= FACTS for facts in files.values()
    ):
        raise DamagedArtifact(f"{folder.name} has a manifest without a list of files")
    return manifest


def verify(folder: Path) -> dict[str, Any]:
    """Read the manifest and check every file against it.

    Raises `DamagedArtifact` that names the first missing, foreign or changed file.
    """
    manifest = read(folder)
    listed = manifest["files"]
    present = set(_names(folder))
    for name in sorted(present - set(listed)):
        raise DamagedArtifact(f"{name} in {folder.name} is not in its manifest")
    for name, facts in listed.items():
        path = folder / name
        if name not in present:
            raise DamagedArtifact(f"{name} is missing from {folder.name}")
        if path.stat().st_size != facts["size"] or sha256_of(path) != facts["sha256"]:
            raise DamagedArtifact(f"{name} in {folder.name} differs from its manifest")
    return manifest
