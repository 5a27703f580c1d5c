"""A file given on the command line as a data set on disk."""

from __future__ import annotations

import sys
from pathlib import Path

from tqdm import tqdm

from nlpstudio.engine.commands import console
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions


def imported(source: Path, target: Path, options: ImportOptions, extra: dict[str, Path] | None = None) -> Path:
    """Import `source` (and `extra` splits) into `target` with a bar, and say what was left out."""
    with tqdm(desc="import", unit="row", file=sys.stderr, leave=False) as bar:

        def show(rows: int, _share: float) -> None:
            bar.update(rows - bar.n)

        report = import_file(source, target, options, progress=show, extra=extra)
    if report.info.rejected_count:
        first = report.problems[0]
        console.say(f"note: {report.info.rejected_count} rows left out; line {first.line}: {first.message}")
    for warning in report.info.warnings:
        console.say(f"note: {warning['message']}")
    return target
