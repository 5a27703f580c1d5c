"""Working through an order: read a chunk, answer it, write it down; a killed process goes on where it was."""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from nlpstudio.engine import manifest
from nlpstudio.engine.batch import workbook
from nlpstudio.engine.batch.answers import ANSWERS, Outputs, Value, columns_of
from nlpstudio.engine.batch.journal import Journal, Progress, progress_of, write_whole
from nlpstudio.engine.batch.looking import settle, texts_of
from nlpstudio.engine.batch.order import RESULT_FILE, Order, Result
from nlpstudio.engine.batch.table import Form, form_of
from nlpstudio.engine.data.checking import Refused
from nlpstudio.engine.data.readers import READERS
from nlpstudio.engine.data.readers.shape import Bad, Item
from nlpstudio.engine.environment import give_back_memory
from nlpstudio.engine.errors import DiskFull, UnsuitableInput, UnusableData
from nlpstudio.engine.inference.predictor import Predictor

CHUNK_ROWS = 512
CHUNK_CHARACTERS = 400_000
CHUNKS_BETWEEN_TRIMS = 1
COMMIT_SECONDS = 0.5

Found = Item | Bad


class Loads(Protocol):
    """Makes a predictor of an artifact's folder on one engine."""

    def __call__(self, folder: Path, *, engine: str) -> Predictor: ...


def run(order: Order, *, load: Loads = Predictor.load) -> Result:
    """Answer every row and put the result into `order.out`, whole or not at all. Goes on from an earlier, killed call.

    Raises `UnreadableFile`, `UnusableData`, `DamagedArtifact`, `DiskFull`, or `InUse` while another process is at it.
    """
    try:
        return _Work(order, load).do()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DiskFull("The disk is full.", hint="Make room, then start the prediction again.") from error


class _Work:
    """One order, its file opened and its model loaded."""

    def __init__(self, order: Order, load: Loads) -> None:
        self._order = order
        self._part, self._layout = settle(
            order.source, order.task, order.reading, name=order.name, trained=order.trained
        )
        manifest.verify(order.model)
        self._predictor = load(order.model, engine=order.engine)
        setup = self._predictor.setup
        abstains = order.task == "classification" and order.abstain_below is not None
        self._parameters = {"abstain_below": order.abstain_below} if abstains else {}
        self._outputs = Outputs(labels=setup.labels, multilabel=setup.multilabel, abstains=abstains)
        self._form = form_of(self._part, self._layout, setup.labels)
        is_headless = self._layout.format in ("tsv", "csv", "xlsx") and not self._layout.header
        taken = () if is_headless else self._layout.columns
        self._names = columns_of(order.task, self._outputs, taken)
        self._name = _result_name(self._part.name, order.name, self._form)
        self._target = order.out / f"predicted{PurePosixPath(self._name).suffix}"

    def do(self) -> Result:
        self._order.out.mkdir(parents=True, exist_ok=True)
        key = self._order.key()
        done = progress_of(self._order.work)
        if done is None or done.key != key or not self._target.exists():
            with Journal(self._order.work, key) as journal:
                self._fill(journal)
            self._publish(journal.part)
            done = progress_of(self._order.work)
            assert done is not None, "the journal was committed"
        result = self._result(done)
        write_whole(self._order.out / RESULT_FILE, result.to_json())
        return result

    def _fill(self, journal: Journal) -> None:
        """Answer the rows that the part does not have yet."""
        head = self._form.head(self._names)
        if not journal.total:
            journal.total = sum(1 for _ in self._items())
            if not journal.total:
                raise UnusableData("the file has no row", hint="Check the export, then upload it again.")
            journal.append(head)
            journal.commit()
        if journal.rows < journal.total:
            self._answer(journal)

    def _items(self) -> Iterator[Found]:
        return READERS[self._layout.format].read(self._part, self._layout)

    def _answer(self, journal: Journal) -> None:
        items = self._items()
        for found in itertools.islice(items, journal.rows):
            self._form.skip(found)
        before, started = journal.rows, time.monotonic()
        committed = started
        for number, chunk in enumerate(_chunks(items), start=1):
            if number % CHUNKS_BETWEEN_TRIMS == 0:
                give_back_memory()
            rows = [
                (self._form.row(found, self._names, [*values, error or None]), bool(error))
                for found, (values, error) in zip(chunk, self._values(chunk), strict=True)
            ]
            journal.append(b"".join(data for data, _ in rows), rows=len(rows), errors=sum(bad for _, bad in rows))
            now = time.monotonic()
            if now - committed > COMMIT_SECONDS or journal.rows == journal.total:
                journal.commit(rate=(journal.rows - before) / max(now - started, 1e-3))
                committed = now

    def _values(self, chunk: Sequence[Found]) -> list[tuple[list[Value], str]]:
        """The values and the error of each row; one of the two is empty."""
        task = ANSWERS[self._order.task]
        empty: list[Value] = [None] * (len(self._names) - 1)
        rows: list[tuple[list[Value], str]] = [(empty, "")] * len(chunk)
        inputs: dict[int, Any] = {}
        for place, found in enumerate(chunk):
            try:
                if isinstance(found, Bad):
                    raise Refused(found.problem)
                inputs[place] = task.inputs(texts_of(found, self._layout, self._order.task))
            except Refused as refused:
                rows[place] = (empty, refused.problem.message)
        for place, answer in zip(inputs, self._answered(list(inputs.values())), strict=True):
            failed = isinstance(answer, UnsuitableInput)
            rows[place] = (empty, answer.message) if failed else (task.values(answer, self._outputs), "")
        return rows

    def _answered(self, inputs: list[Any]) -> list[Any]:
        """The answer to each input, or its `UnsuitableInput`."""
        if not inputs:
            return []
        try:
            return list(self._predictor.predict(inputs, self._parameters))
        except UnsuitableInput as error:
            if len(inputs) == 1:
                return [error]
            middle = len(inputs) // 2
            return self._answered(inputs[:middle]) + self._answered(inputs[middle:])

    def _publish(self, part: Path) -> None:
        """The result takes its place whole."""
        if self._form.format == "xlsx":
            draft = self._target.with_name(f".{self._target.name}")
            workbook.join(self._part, part, draft)
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            part = draft
        part.replace(self._target)

    def _result(self, done: Progress) -> Result:
        is_table = self._form.format in ("tsv", "csv")
        return Result(
            file=self._target.name,
            name=self._name,
            format=self._form.format,
            encoding=self._form.encoding,
            delimiter=self._layout.delimiter if is_table else "",
            quoting=self._layout.quoting and is_table,
            rows=done.rows,
            errors=done.errors,
            columns=self._names,
        )


def _chunks(items: Iterator[Found]) -> Iterator[list[Found]]:
    """The rows in order, a bounded number of rows and of characters at a time."""
    chunk: list[Found] = []
    characters = 0
    for found in items:
        chunk.append(found)
        characters += len(found.raw)
        if len(chunk) >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _result_name(inner: str, given: str, form: Form) -> str:
    """The person's file name with "-predicted", without what it was packed in."""
    own = PurePosixPath(inner)
    ending = form.suffix or own.suffix or f".{form.format}"
    stem = own.stem if own.suffix else PurePosixPath(given).stem
    return f"{stem or 'data'}-predicted{ending}"
