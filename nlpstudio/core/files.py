"""Where files lie. Names are made by us from ids, never from what people typed."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from django.conf import settings


def folder_of(kind: str, object_id: UUID) -> Path:
    """The folder of one object's files: `files/<kind>/<id>`. It may not exist yet."""
    root: Path = settings.FILES_ROOT
    return root / kind / str(object_id)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
