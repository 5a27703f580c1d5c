"""Taking an uploaded file into the studio: checked, in pieces, under a name of ours."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CHUNK = 1 << 20


def shown_name(file: File[bytes]) -> str:
    """The file's name as the person knows it: no folders, nothing that cannot be printed. For display only."""
    last = PurePosixPath((file.name or "").replace("\\", "/")).name
    name = "".join(c if c.isprintable() else "_" for c in last)
    return name[-255:] or "data"


def store(file: File[bytes], target: Path) -> int:
    """Put the upload at `target` and return its bytes. Raises `StudioError` when empty, too large or out of disk."""
    with _whole_or_not(target):
        if isinstance(file, TemporaryUploadedFile):
            _check_size(file.size or 0)
            shutil.move(file.temporary_file_path(), target)
        else:
            _copy(file, target)
        size = target.stat().st_size
        if size == 0:
            raise StudioError(
                _("The file is empty."),
                hint=_("Check the export, then upload it again."),
                code="data.empty_file",
                status=400,
            )
    return size


def _copy(file: File[bytes], target: Path) -> None:
    size = 0
    with target.open("wb") as out:
        for piece in file.chunks(CHUNK):
            size += len(piece)
            _check_size(size)
            out.write(piece)


def _check_size(size: int) -> None:
    if size > settings.MAX_UPLOAD_BYTES:
        raise StudioError(
            _("The file is larger than %(limit)s.") % {"limit": filesizeformat(settings.MAX_UPLOAD_BYTES)},
            hint=_("Compress it with gzip, or split it into several files."),
            code="data.too_large",
            status=413,
        )


@contextmanager
def _whole_or_not(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except OSError as error:
        discard(target)
        if error.errno in FULL:
            raise disk_full() from error
        raise
    except StudioError:
        discard(target)
        raise


def discard(target: Path) -> None:
    """Take the stored upload away again."""
    shutil.rmtree(target.parent, ignore_errors=True)


def disk_full() -> StudioError:
    return StudioError(
        _("The disk of the server is full."),
        hint=_("Ask the administrator to make room, then try again."),
        code="storage.full",
        status=507,
    )
