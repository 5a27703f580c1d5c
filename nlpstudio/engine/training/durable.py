"""Folders that appear on disk whole or not at all, even when the process or the power dies at any moment."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from nlpstudio.engine import manifest
from nlpstudio.engine.errors import DiskFull

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DRAFT = ".draft-"
OLD = ".old-"


@contextmanager
def whole_folder(target: Path, facts: Mapping[str, Any]) -> Iterator[Path]:
    """Give a hidden folder beside `target` to fill; on leaving, it gets its manifest and takes `target`'s place.

    Each file is on the disk before the manifest is, the manifest before the name is. `facts` are read on leaving,
    so they may be filled inside. Raises `DiskFull`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent, target.name)
    draft = Path(tempfile.mkdtemp(prefix=f"{DRAFT}{target.name}-", dir=target.parent))
    try:
        yield draft
        _settle(draft)
        manifest.write(draft, facts)
        _sync_file(draft / manifest.NAME)
        _sync_folders(draft)
        _rename(draft, target)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if _is_full(error):
            hint = "Free some space and resume the run."
            raise DiskFull(f"No space left to write {target.name}", hint=hint) from error
        raise


def _is_full(error: BaseException) -> bool:
    """Whether the disk was full. The error of safetensors is no `OSError` and has the number in its words only."""
    if isinstance(error, SafetensorError):
        return any(f"(os error {number})" in str(error) for number in FULL)
    return isinstance(error, OSError) and error.errno in FULL


def sweep(folder: Path, name: str = "") -> None:
    """Remove what killed processes left half-made in `folder` (of `name` only, when given)."""
    for prefix in (DRAFT, OLD):
        for left in folder.glob(f"{prefix}{name}*"):
            shutil.rmtree(left, ignore_errors=True)


def _settle(draft: Path) -> None:
    """Readable by others (safetensors writes 0600, mkdtemp 0700) and on the disk."""
    draft.chmod(0o755)
    for path in draft.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.is_file():
            _sync_file(path)


def _rename(draft: Path, target: Path) -> None:
    old = target.with_name(f"{OLD}{target.name}")
    if target.exists():
        target.rename(old)
    draft.rename(target)
    _sync_file(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _sync_folders(folder: Path) -> None:
    for path in [*(p for p in folder.rglob("*") if p.is_dir()), folder]:
        _sync_file(path)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
