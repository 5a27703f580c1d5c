"""What is kept in memory of each row while a file is imported: a few numbers, never its text.

About 50 bytes a row, so that splits, statistics and warnings over a million rows stay cheap.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlpstudio.engine.data.options import SPLITS
from nlpstudio.engine.data.rows import ClassificationRow, GenerationRow, PairRow, QARow, TaggedRow
from nlpstudio.engine.data.tokens import word_count
from nlpstudio.engine.errors import UnusableData

MAX_LABELS = 10_000
ABOUT_NO_SPLIT = -1


class Facts:
    """Columns of numbers, one entry a row; `labels` is ragged, with `label_counts` entries a row.

    `inputs` and `targets` are hashes: equal inputs are exact duplicates, equal inputs with unequal
    targets contradict each other. `groups` are hashes of what must not lie in two splits. Hashes
    are of this process only and never stored. `names` maps a label to its code.
    """

    def __init__(self) -> None:
        self.inputs = array("q")
        self.targets = array("i")
        self.groups = array("q")
        self.labels = array("i")
        self.label_counts = array("H")
        self.chars = array("i")
        self.words = array("i")
        self.given = array("b")
        self.names: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.inputs)

    def add(self, row: Any, split: str | None) -> None:
        """Take the facts of a row; `split` is the one it asks for."""
        self.given.append(ABOUT_NO_SPLIT if split is None else SPLITS.index(split))
        self.take(row)

    def admits(self, row: Any) -> bool:
        """Whether the row is taken at all: corpora leave out documents that came before."""
        return True

    def take(self, row: Any) -> None:
        """The task's own part of `add`."""
        raise NotImplementedError

    def label_set(self) -> list[str]:
        """What `DatasetInfo.labels` holds, sorted."""
        return sorted(self.names)

    def _measure(self, text: str) -> None:
        self.chars.append(len(text))
        self.words.append(word_count(text))

    def _label(self, labels: Iterable[str]) -> None:
        count = 0
        for label in labels:
            self.labels.append(self.code(label))
            count += 1
        self.label_counts.append(count)

    def code(self, label: str) -> int:
        """The label's number. Raises `UnusableData` for more labels than anybody trains on."""
        code = self.names.setdefault(label, len(self.names))
        if code >= MAX_LABELS:
            raise UnusableData(
                f"there are more than {MAX_LABELS:,} different labels",
                hint="Check which column holds the labels: texts and labels may be swapped.",
            )
        return code


class ClassificationFacts(Facts):
    """Rows with the same text (or pair of texts) stay in one split: a copy in the test would flatter."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = self.inputs

    def take(self, row: ClassificationRow) -> None:
        text = hash((row.text, row.text_pair))
        self.inputs.append(text)
        self.targets.append(_short(hash(row.labels) if len(row.labels) < 2 else hash(frozenset(row.labels))))
        self._label(row.labels)
        self._measure(row.text if row.text_pair is None else f"{row.text} {row.text_pair}")


class TagFacts(Facts):
    """Labels of a row are the types of its entities; every entity is kept with its length in characters."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = self.inputs
        self.tags: set[str] = set()
        self.tokens = array("i")
        self.entity_types = array("i")
        self.entity_lengths = array("i")
        self.entity_rows = array("i")

    def take(self, row: TaggedRow) -> None:
        text = hash(row.text)
        self.inputs.append(text)
        self.targets.append(_short(hash((row.tokens, row.tags))))
        self.tokens.append(len(row.tokens))
        self.tags.update(row.tags)
        self._measure(row.text)
        kinds = []
        for kind, length in _entities(row):
            kinds.append(kind)
            self.entity_types.append(self.code(kind))
            self.entity_lengths.append(length)
            self.entity_rows.append(len(self) - 1)
        self._label(sorted(set(kinds)))
        if len(self.tags) > MAX_LABELS:
            self.code(f"tag {len(self.tags)}")

    def label_set(self) -> list[str]:
        """Every tag; a type that begins somewhere has its inside tag too, and IOB2 data always has O."""
        inside = {f"I-{tag[2:]}" for tag in self.tags if tag.startswith("B-")}
        return sorted(self.tags | inside | ({"O"} if inside else set()))


def _entities(row: TaggedRow) -> Iterable[tuple[str, int]]:
    """(type, characters) of each entity; a plain tag is a type on each token."""
    found: list[tuple[str, int, int]] = []
    for (start, end), tag in zip(row.tokens, row.tags, strict=True):
        if tag.startswith("I-") and found:
            kind, begin, _ = found[-1]
            found[-1] = (kind, begin, end)
        elif tag != "O":
            found.append((tag.removeprefix("B-"), start, end))
    return [(kind, end - start) for kind, start, end in found]


class QAFacts(Facts):
    """Questions on one context stay in one split."""

    def __init__(self) -> None:
        super().__init__()
        self.answer_chars = array("i")
        self.question_chars = array("i")
        self.question_words: Counter[str] = Counter()

    def take(self, row: QARow) -> None:
        self.groups.append(hash(row.context))
        self.inputs.append(hash((row.context, row.question)))
        self.targets.append(_short(hash(frozenset(row.answers))))
        self.answer_chars.append(min((len(text) for text, _ in row.answers), default=-1))
        self.question_chars.append(len(row.question))
        self.question_words[question_word(row.question)] += 1
        self.label_counts.append(0)
        self._measure(row.context)


def _short(value: int) -> int:
    """A hash in 31 bits: enough to tell the targets of one input apart."""
    return value & 0x7FFFFFFF


# Longer ones first: the first that occurs names the question.
_CHINESE = (
    "为什么",
    "什么时候",
    "什么",
    "多少",
    "怎么",
    "怎样",
    "如何",
    "哪里",
    "哪儿",
    "哪",
    "何时",
    "何",
    "谁",
    "几",
    "吗",
)
_ENGLISH = ("what", "who", "whom", "whose", "when", "where", "which", "why", "how")


def question_word(question: str) -> str:
    """The word a question asks with, in English or Chinese, or "other"."""
    words = question.lower().split()
    for word in words:
        bare = word.strip("\"'“”(),.?¿!")
        if bare in _ENGLISH:
            return bare
    return next((word for word in _CHINESE if word in question), "other")


class WritingFacts(Facts):
    """Rows with the same input stay in one split. Several outputs of one input are no contradiction."""

    def __init__(self) -> None:
        super().__init__()
        self.groups = array("q")
        self.target_chars = array("i")

    def take(self, row: PairRow | GenerationRow) -> None:
        if isinstance(row, PairRow):
            given, target, first = row.source, row.target, row.source
        else:
            given, target = row.prompt if row.prompt is not None else row.response, row.response
            first = row.history[0][1] if row.history else given
        self.groups.append(hash(first))
        self.inputs.append(hash((given, target)) if isinstance(row, PairRow) else hash((given, target, row.history)))
        self.targets.append(0)
        self.target_chars.append(len(target))
        self.label_counts.append(0)
        self._measure(given)


def column(values: array[int]) -> NDArray[Any]:
    """An array as numpy, without a copy."""
    return np.frombuffer(values, dtype=values.typecode) if values else np.empty(0, dtype=values.typecode)


def row_of_each_label(facts: Facts) -> NDArray[np.int32]:
    """For each entry of `facts.labels`, which row it belongs to."""
    return np.repeat(np.arange(len(facts), dtype=np.int32), column(facts.label_counts))
