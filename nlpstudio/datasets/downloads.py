"""What can be read or taken away of an imported version, for pages and API alike."""

from __future__ import annotations

import re
from typing import Any

from django.http import Http404, StreamingHttpResponse
from django.utils.translation import gettext as _

from nlpstudio.core.errors import StudioError
from nlpstudio.core.streaming import attachment, file_attachment
from nlpstudio.datasets.exporting import FORMATS, pieces
from nlpstudio.datasets.models import DatasetVersion
from nlpstudio.engine.data.store import PROBLEMS_KEPT, REJECTED_FILE, DatasetFolder


def folder_of(version: DatasetVersion) -> DatasetFolder:
    """The version's rows. Raises `StudioError` while there are none."""
    if not version.is_ready:
        raise StudioError(
            _("This version is not imported."), hint=_("Wait until its state is ready."), code="dataset.not_ready"
        )
    return DatasetFolder.open(version.folder)


def problems_of(version: DatasetVersion, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
    """`limit` problems from `offset` on, and how many can be read this way. A failed import keeps its first ones."""
    if version.is_ready:
        found, count = folder_of(version).problems(offset, limit)
        return [problem.to_json() for problem in found], min(count, PROBLEMS_KEPT)
    return version.first_problems[offset : offset + limit], len(version.first_problems)


def export(
    version: DatasetVersion, form: str, *, split: str | None = None, safe: bool = False
) -> StreamingHttpResponse:
    """The good rows as a download. Raises `Http404` for an unknown format, `StudioError` while there are no rows."""
    if form not in FORMATS:
        raise Http404
    name = f"{_stem(version)}{f'-{split}' if split else ''}.{form}"
    return attachment(pieces(folder_of(version), form, split=split, safe=safe), name, FORMATS[form])


def rejected(version: DatasetVersion) -> StreamingHttpResponse:
    """The lines that were left out, as they came, to be mended and uploaded again. Raises `Http404` when there are none."""
    if not version.is_ready or not version.rejected_count:
        raise Http404
    folder = folder_of(version)
    suffix = folder.info.rejected_suffix
    return file_attachment(folder.path / REJECTED_FILE, f"{_stem(version)}-rejected{suffix}")


def _stem(version: DatasetVersion) -> str:
    name = re.sub(r"[^\w.-]+", "-", version.dataset.name).strip("-.") or "data"
    return f"{name[:80]}-v{version.number}"
