"""From an uploaded file to a checked data set on disk, in one pass and bounded memory."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nlpstudio.engine.data.corpus import CorpusFacts
from nlpstudio.engine.data.facts import ClassificationFacts, Facts, QAFacts, TagFacts, WritingFacts
from nlpstudio.engine.data.layout import Inferred, infer
from nlpstudio.engine.data.options import SPLITS, ImportOptions
from nlpstudio.engine.data.parsing import parse
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.quality import warnings_of
from nlpstudio.engine.data.readers import READERS
from nlpstudio.engine.data.source import Part, Progressing, open_parts
from nlpstudio.engine.data.splits import assign, count_splits
from nlpstudio.engine.data.statistics import describe
from nlpstudio.engine.data.store import DatasetInfo
from nlpstudio.engine.data.writer import DatasetWriter
from nlpstudio.engine.errors import InvalidSpec, UnusableData

Progress = Callable[[int, float], None]

FACTS: Mapping[str, type[Facts]] = {
    "classification": ClassificationFacts,
    "ner": TagFacts,
    "qa": QAFacts,
    "pretraining": CorpusFacts,
    "translation": WritingFacts,
    "summarization": WritingFacts,
    "generation": WritingFacts,
}

MAX_ROWS = 20_000_000
PROGRESS_EVERY = 0.25
PROGRESS_ROWS = 500


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
    `extra` maps a split ("validation", "test") to a further file whose rows all belong to it; the
    rows of `source` are then train unless they say otherwise.
    Raises `UnreadableFile` when a file cannot be read at all, `RefusedData` (an `UnusableData`)
    when no good row is left, there are fewer than two labels, or a row is bad and
    `keep_good_rows` is off; `FileExistsError` when the target is there. The target is then not made.
    """
    name = name or source.name
    facts = FACTS[options.task]()
    reporter = _Reporter(progress, 1 + len(extra or {}))
    with DatasetWriter(target, options.task) as writer:
        first: Inferred | None = None
        for part in _parts(source, name, extra or {}, reporter, many=options.task == "pretraining"):
            inferred = infer(part, options, whole=True)
            _refuse_missing(inferred, options)
            if first is None:
                first = inferred
                _keep_header(writer, inferred)
            _take(part, inferred, options, writer, facts, reporter)
        assert first is not None, "an upload has at least one part"
        _refuse_unusable(writer, facts, options)
        writer.close_rows()
        codes = assign(facts, options.split)
        layout = first.layout
        resolved = replace(
            options, columns=dict(layout.roles) or None, header=layout.header, encoding=layout.encoding or None,
            delimiter=layout.delimiter or None, quoting=layout.quoting, format=layout.format,
        )  # fmt: skip
        info = DatasetInfo(
            task=options.task,
            rows=writer.rows,
            labels=facts.label_set(),
            multilabel=options.multilabel,
            splits=count_splits(codes),
            fingerprint=writer.fingerprint(codes),
            statistics=describe(options.task, facts, codes),
            warnings=warnings_of(options.task, facts, codes),
            problem_count=writer.problem_count,
            rejected_count=writer.rejected_count,
            rejected_suffix=READERS[layout.format].rejected,
            options=resolved.to_json(),
            source_name=name,
            source_sha256=_sha256(source),
        )
        writer.publish(info, codes)
    reporter.done(writer.rows)
    return ImportReport(info=info, problems=tuple(writer.first_problems))


class _Reporter:
    """Tells the caller how far the import is, a few times a second."""

    def __init__(self, progress: Progress | None, files: int) -> None:
        self._progress, self._files = progress, files
        self._file = -1
        self._source: Progressing | None = None
        self._told = 0.0

    def next_file(self, path: Path) -> Progressing:
        self._file += 1
        self._source = Progressing(path)
        return self._source

    def tell(self, rows: int) -> None:
        if self._progress is None or self._source is None or time.monotonic() - self._told < PROGRESS_EVERY:
            return
        self._told = time.monotonic()
        self._progress(rows, min((self._file + self._source.share()) / self._files, 0.99))

    def done(self, rows: int) -> None:
        if self._progress is not None:
            self._progress(rows, 1.0)


def _parts(source: Path, name: str, extra: Mapping[str, Path], reporter: _Reporter, *, many: bool) -> list[Part]:
    """Every data file of the upload with the split its rows belong to by default."""
    unknown = sorted(set(extra) - set(SPLITS))
    if unknown:
        raise InvalidSpec(f"unknown split {unknown[0]!r}", hint=f"Splits are {', '.join(SPLITS)}.")
    parts = open_parts(source, name, reporter.next_file(source), many=many)
    if extra:
        parts = [replace(part, split=part.split or "train") for part in parts]
    for split, path in extra.items():
        parts += [
            replace(part, split=split) for part in open_parts(path, path.name, reporter.next_file(path), many=many)
        ]
    return parts


def _take(
    part: Part, inferred: Inferred, options: ImportOptions, writer: DatasetWriter, facts: Facts, reporter: _Reporter
) -> None:
    """Move every row of a part to the writer."""
    for count, parsed in enumerate(parse(part, inferred.layout, options)):
        if parsed.row is None:
            writer.reject(parsed.problems[0], parsed.raw)
        elif facts.admits(parsed.row):
            writer.add(parsed.row)
            facts.add(parsed.row, parsed.split or part.split)
            for problem in parsed.problems:
                writer.note(problem)
        if count % PROGRESS_ROWS == 0:
            reporter.tell(writer.rows)
        if writer.rows > MAX_ROWS:
            raise RefusedData(f"the file has more than {MAX_ROWS:,} rows", hint="Upload a sample of it.")


def _keep_header(writer: DatasetWriter, inferred: Inferred) -> None:
    layout = inferred.layout
    if layout.header and layout.format in ("tsv", "csv", "xlsx"):
        delimiter = "\t" if layout.format == "xlsx" else layout.delimiter
        writer.keep_rejected(delimiter.join(layout.columns))


def _refuse_missing(inferred: Inferred, options: ImportOptions) -> None:
    if inferred.missing:
        found = ", ".join(repr(name) for name in inferred.layout.columns[:20]) or "none"
        raise RefusedData(
            f"no column for {' and '.join(inferred.missing)} was found; the file's columns are {found}",
            hint="Choose the columns by hand, or name them in the first line of the file.",
        )


def _refuse_unusable(writer: DatasetWriter, facts: Facts, options: ImportOptions) -> None:
    problems = tuple(writer.first_problems)
    if writer.rejected_count and not options.keep_good_rows:
        raise RefusedData(
            f"{writer.rejected_count:,} rows have problems",
            hint="Mend them, or import the good rows.",
            problems=problems,
        )
    if not writer.rows:
        first = f"Line {problems[0].line}: {problems[0].message}. {problems[0].fix}" if problems else "It has no rows."
        raise RefusedData("no row of the file can be used", hint=first, problems=problems)
    labels = facts.label_set()
    if options.task == "classification" and len(labels) < 2:
        raise RefusedData(
            f"all rows have the label “{labels[0]}”" if labels else "no row has a label",
            hint="A classifier needs at least two labels. Check which column holds them.",
            problems=problems,
        )
    if options.task == "ner" and not set(labels) - {"O"}:
        raise RefusedData("no row has an entity", hint="Check which column holds the tags.", problems=problems)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
