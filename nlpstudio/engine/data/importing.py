"""From an uploaded file to a checked data set on disk, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.store import DatasetInfo
from nlpstudio.engine.errors import UnusableData

Progress = Callable[[int, float], None]


class RefusedData(UnusableData):
    """Nothing, or not all, of a file can be imported; `problems` are the first ones found."""

    def __init__(self, message: str, *, hint: str = "", problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What came of an import: the data set's facts and the first problems (at most 100)."""

    info: DatasetInfo
    problems: tuple[Problem, ...]


def import_file(
    source: Path,
    target: Path,
    options: ImportOptions,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    extra: Mapping[str, Path] | None = None,
) -> ImportReport:
    """Read `source`, check every row and write the data set folder `target`, whole or not at all.

    `name` is the file's name as the person knows it (its ending helps to tell the format).
    `progress(rows, share)` is called a few times a second at most, `share` from 0 to 1.
    `extra` maps a split ("validation", "test") to a further file whose rows all belong to it.
    Raises `UnreadableFile` when the file cannot be read at all, `RefusedData` (an `UnusableData`)
    when no good row is left, a classification has fewer than two labels, or a row is bad and
    `keep_good_rows` is off; the target is then not made.
    """
    raise NotImplementedError
