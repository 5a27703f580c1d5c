"""From items of a reader to checked rows of a task: the one path that preview and import share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from nlpstudio.engine.data.answering import AnswerChecker
from nlpstudio.engine.data.checking import Checker, ClassificationChecker, Refused, split_of
from nlpstudio.engine.data.cleaning import CorpusChecker
from nlpstudio.engine.data.lines import printable
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.readers import READERS
from nlpstudio.engine.data.readers.shape import Bad, Item, Layout
from nlpstudio.engine.data.rows import Row
from nlpstudio.engine.data.shapes import OddShape, Values, is_nested, unfold
from nlpstudio.engine.data.source import Part
from nlpstudio.engine.data.tagging import TagChecker
from nlpstudio.engine.data.writing import GenerationChecker, SummaryChecker, TranslationChecker

SAMPLE = 2_000

CHECKERS: Mapping[str, Callable[[ImportOptions], Checker]] = {
    "classification": ClassificationChecker,
    "ner": TagChecker,
    "qa": AnswerChecker,
    "pretraining": CorpusChecker,
    "translation": TranslationChecker,
    "summarization": SummaryChecker,
    "generation": GenerationChecker,
}


@dataclass(slots=True)
class Parsed:
    """A row, or none when it is left out; the problems found in it; its source text when left out."""

    row: Row | None
    split: str | None
    problems: list[Problem]
    raw: str = ""


def parse(part: Part, layout: Layout, options: ImportOptions) -> Iterator[Parsed]:
    """Read, cut, check: one `Parsed` for each row of the part, good or bad, in order."""
    checker = CHECKERS[options.task](options)
    items = READERS[layout.format].read(part, layout)
    values_of = _values_of(layout, options.task)
    if isinstance(checker, TagChecker):
        sample = list(islice(items, SAMPLE))
        checker.look(_sampled(sample, values_of))
        items = chain(sample, items)
    for item in items:
        if isinstance(item, Bad):
            yield Parsed(None, None, [item.problem], item.raw)
            continue
        try:
            for line, values, raw in values_of(item):
                yield _checked(checker, values, line, raw)
        except OddShape as error:
            yield Parsed(None, None, [_odd(error, item)], item.raw)


def _checked(checker: Checker, values: Values, line: int, raw: str) -> Parsed:
    try:
        split = split_of(values, line) if values.get("split") is not None else None
        row, problems = checker.check(values, line)
    except Refused as refused:
        return Parsed(None, None, [refused.problem], raw)
    return Parsed(row, split, problems)


ValuesOf = Callable[[Item], Iterable[tuple[int, Values, str]]]


def _values_of(layout: Layout, task: str) -> ValuesOf:
    """How this layout's items become values by role, with a line and source text each."""
    if layout.format == "conll":
        return lambda item: ((item.line, item.value, item.raw),)
    if READERS[layout.format].keyed:
        return lambda item: _unfolded(item, task, layout.roles)
    places = [(role, layout.index(role)) for role in layout.roles]
    return lambda item: ((item.line, {role: item.value[place] for role, place in places}, item.raw),)


def _unfolded(item: Item, task: str, roles: Mapping[str, str]) -> Iterator[tuple[int, Values, str]]:
    if not is_nested(task, item.value) or task != "qa":
        for values in unfold(task, item.value, roles):
            yield item.line, values, item.raw
        return
    cursor = 0
    for values in unfold(task, item.value, roles):
        found = _place(item.raw, values.get("question"), cursor)
        cursor = found if found >= 0 else cursor
        yield item.line + item.raw.count("\n", 0, cursor), values, _flat(values)


def _place(raw: str, question: Any, cursor: int) -> int:
    """Where a question's text stands in its article, so that a problem can name its line."""
    if not isinstance(question, str):
        return -1
    found = raw.find(json.dumps(question, ensure_ascii=False), cursor)
    return found if found >= 0 else raw.find(json.dumps(question), cursor)


def _flat(values: Values) -> str:
    """A question of an article as an object of its own that can be mended and imported again."""
    answers = [{"text": text, "answer_start": start} for text, start in values.get("answers", [])]
    record = {"id": values.get("key"), "context": values.get("context"), "question": values.get("question")}
    return json.dumps({**record, "answers": answers}, ensure_ascii=False)


def _sampled(items: Iterable[Item | Bad], values_of: ValuesOf) -> Iterator[Values]:
    for item in items:
        if isinstance(item, Item):
            try:
                yield from (values for _, values, _ in values_of(item))
            except OddShape:
                continue  # reported when its turn comes


def _odd(error: OddShape, item: Item) -> Problem:
    return Problem(
        line=item.line,
        column="",
        code="record.odd",
        message=str(error),
        value=printable(item.raw),
        fix="Compare the record with its neighbours.",
    )
