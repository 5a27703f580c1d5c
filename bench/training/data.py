"""The rows of the benchmarks: public data sets in their published files, the same rows for every contender."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nlpstudio.engine.data.rows import ClassificationRow, QARow, Row, TaggedRow

ORDER_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data set: its task, and how its training and its validation rows are read below the data folder."""

    task: str
    train: Callable[[Path], Iterator[Row]]
    validation: Callable[[Path], Iterator[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Training rows in a fixed random order, validation rows, and the sorted labels (none for qa)."""

    task: str
    train: list[Row]
    validation: list[Row]
    labels: list[str]


def load(name: str, folder: Path, *, train: int, validation: int) -> Rows:
    """At most `train` and `validation` rows of the data set `name` below `folder`: the same ones each time.

    Raises `FileNotFoundError` when the data set is not there.
    """
    source = SOURCES[name]
    first, second = (
        _some(read(folder), most) for read, most in ((source.train, train), (source.validation, validation))
    )
    return Rows(task=source.task, train=first, validation=second, labels=_labels([*first, *second]))


def _some(rows: Iterator[Row], most: int) -> list[Row]:
    found = list(rows)
    random.Random(ORDER_SEED).shuffle(found)
    return found[:most]


def _labels(rows: list[Row]) -> list[str]:
    found: set[str] = set()
    for row in rows:
        if isinstance(row, ClassificationRow):
            found.update(row.labels)
        elif isinstance(row, TaggedRow):
            found.update(row.tags)
    return sorted(found)


def _table(folder: Path, *, file: str, text: int, label: int) -> Iterator[Row]:
    for line in _lines(folder / file)[1:]:
        cells = line.split("\t")
        yield ClassificationRow(text=cells[text].strip(), labels=(cells[label],))


def _conll(folder: Path, *, file: str, mark: str = "") -> Iterator[Row]:
    """Columns token (after a `mark`), tag; blank lines (some hold a tab) between sentences."""
    pairs: list[tuple[str, str]] = []
    for line in [*_lines(folder / file, blank=True), ""]:
        if line.strip():
            token, tag = line.split("\t")[:2]
            pairs.append((token.removeprefix(mark), tag.strip()))
        elif pairs:
            yield _tagged(pairs, " ")
            pairs = []


def _pairs(folder: Path, *, file: str) -> Iterator[Row]:
    """Two texts and a label, without a header."""
    for line in _lines(folder / file):
        first, second, label = line.split("\t")
        yield ClassificationRow(text=first.strip(), text_pair=second.strip(), labels=(label.strip(),))


def _sentences(folder: Path, *, file: str, longest: int = 10**6) -> Iterator[Row]:
    """One sentence a line: characters and tags, each separated by blanks; none of more than `longest` characters."""
    for line in _lines(folder / file)[1:]:
        tokens, tags = line.split("\t")
        if len(tokens.split()) > longest:
            continue
        yield _tagged(list(zip(tokens.split(), tags.split(), strict=True)), "")


def _tagged(pairs: list[tuple[str, str]], joint: str) -> TaggedRow:
    places, begin = [], 0
    for token, _ in pairs:
        places.append((begin, begin + len(token)))
        begin += len(token) + len(joint)
    text = joint.join(token for token, _ in pairs)
    return TaggedRow(text=text, tokens=tuple(places), tags=tuple(tag for _, tag in pairs))


def _squad(folder: Path, *, file: str, part: tuple[float, float] = (0.0, 1.0), longest: int = 10**6) -> Iterator[Row]:
    """SQuAD JSON; `part` takes that share of the articles, so that no context is in two splits.

    Contexts of more than `longest` characters are left out.
    """
    articles = json.loads((folder / file).read_text(encoding="utf-8"))["data"]
    first, last = (round(share * len(articles)) for share in part)
    for article in articles[first:last]:
        for paragraph in (each for each in article["paragraphs"] if len(each["context"]) <= longest):
            for asked in paragraph["qas"]:
                answers = tuple((a["text"], int(a["answer_start"])) for a in asked["answers"])
                yield QARow(context=paragraph["context"], question=asked["question"], answers=answers)


def _lines(path: Path, *, blank: bool = False) -> list[str]:
    """Split at line feeds only: texts hold other characters that `splitlines` would cut at."""
    lines = path.read_text(encoding="utf-8").replace("\r\n", "\n").split("\n")
    return lines if blank else [line for line in lines if line.strip()]


SOURCES: Mapping[str, Source] = {
    "sst2": Source(
        task="classification",
        train=partial(_table, file="sst2/train.tsv", text=0, label=1),
        validation=partial(_table, file="sst2/dev.tsv", text=0, label=1),
    ),
    "chnsenticorp": Source(
        task="classification",
        train=partial(_table, file="chnsenticorp/train.tsv", text=1, label=0),
        validation=partial(_table, file="chnsenticorp/dev.tsv", text=1, label=0),
    ),
    "wnut17": Source(
        task="ner",
        train=partial(_conll, file="wnut17/train.conll"),
        validation=partial(_conll, file="wnut17/dev.conll"),
    ),
    "msra_ner": Source(
        task="ner",
        train=partial(_sentences, file="msra_ner_uer/dev.tsv"),
        validation=partial(_sentences, file="msra_ner_uer/test.tsv"),
    ),
    "wikiann": Source(
        task="ner",
        train=partial(_conll, file="wikiann_en/train", mark="en:"),
        validation=partial(_conll, file="wikiann_en/test", mark="en:"),
    ),
    "lcqmc": Source(
        task="classification",
        train=partial(_pairs, file="lcqmc/dev.txt"),
        validation=partial(_pairs, file="lcqmc/test.txt"),
    ),
    "msra_ner-short": Source(
        task="ner",
        train=partial(_sentences, file="msra_ner_uer/dev.tsv", longest=30),
        validation=partial(_sentences, file="msra_ner_uer/test.tsv", longest=30),
    ),
    "xquad-short": Source(
        task="qa",
        train=partial(_squad, file="xquad/xquad.en.json", part=(0.0, 0.75), longest=900),
        validation=partial(_squad, file="xquad/xquad.en.json", part=(0.75, 1.0), longest=900),
    ),
    "xquad-zh-short": Source(
        task="qa",
        train=partial(_squad, file="xquad/xquad.zh.json", part=(0.0, 0.75), longest=230),
        validation=partial(_squad, file="xquad/xquad.zh.json", part=(0.75, 1.0), longest=230),
    ),
    "xquad": Source(
        task="qa",
        train=partial(_squad, file="xquad/xquad.en.json", part=(0.0, 0.85)),
        validation=partial(_squad, file="xquad/xquad.en.json", part=(0.85, 1.0)),
    ),
    "cmrc2018": Source(
        task="qa",
        train=partial(_squad, file="cmrc2018/dev.json"),
        validation=partial(_squad, file="cmrc2018/trial.json"),
    ),
    "cmrc2018-short": Source(
        task="qa",
        train=partial(_squad, file="cmrc2018/dev.json", longest=330),
        validation=partial(_squad, file="cmrc2018/trial.json", longest=330),
    ),
}
