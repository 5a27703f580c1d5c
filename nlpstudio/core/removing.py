"""Removing folders together with their rows, so that a process that dies in between leaves nothing behind for good.

Files cannot go in a transaction. So the transaction that deletes the rows writes down which folders go with them;
they are removed when it is committed, and what a death left is removed by the next sweep.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import transaction

from nlpstudio.core.models import Doomed

logger = logging.getLogger(__name__)


def doom(folders: Iterable[Path]) -> None:
    """In the transaction that deletes their rows: the folders, all below FILES_ROOT, go when it is committed."""
    paths = sorted({folder.relative_to(settings.FILES_ROOT).as_posix() for folder in folders})
    Doomed.objects.bulk_create([Doomed(path=path) for path in paths], ignore_conflicts=True)
    transaction.on_commit(partial(_remove, paths))


def sweep() -> int:
    """Remove what is still there of all doomed folders, and return how many have gone. Twice is once."""
    return _remove(list(Doomed.objects.values_list("path", flat=True)))


def _remove(paths: list[str]) -> int:
    gone = [path for path in paths if _is_removed(settings.FILES_ROOT / path)]
    Doomed.objects.filter(path__in=gone).delete()
    return len(gone)


def _is_removed(folder: Path) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.warning("could not remove %s: it is tried again with the next sweep", folder)
        return False
    return True
