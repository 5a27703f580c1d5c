"""The rows of each task, as readers make them, files keep them and tasks encode them.

Offsets are code points of the row's own text, ends exclusive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What all rows share: a stable id (the position among the good rows) and its line in the source."""

    task: ClassVar[str]
    row_id: int = -1
    line: int = 0

    def to_record(self) -> dict[str, Any]:
        """The row as a flat dict of plain values, one key a column of the stored file."""
        raise NotImplementedError

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read `to_record`'s dict back."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationRow(Row):
    """A text (or a pair of texts) with its labels: exactly one unless the data is multi-label."""

    task = "classification"
    text: str
    labels: tuple[str, ...]
    text_pair: str | None = None

    def to_record(self) -> dict[str, Any]:
        return {
            "row_id": self.row_id,
            "line": self.line,
            "text": self.text,
            "text_pair": self.text_pair,
            "labels": list(self.labels),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(
            row_id=record["row_id"],
            line=record["line"],
            text=record["text"],
            text_pair=record["text_pair"],
            labels=tuple(record["labels"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An entity: `text[start:end]` is of type `label`."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaggedRow(Row):
    """A text cut into tokens, each with an IOB2 tag (`O`, `B-x`, `I-x`) or a plain tag such as a POS.

    `tokens` are (start, end) in `text`. Chinese data has one character a token and no blanks between.
    """

    task = "ner"
    text: str
    tokens: tuple[tuple[int, int], ...]
    tags: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        return {
            "row_id": self.row_id,
            "line": self.line,
            "text": self.text,
            "starts": [start for start, _ in self.tokens],
            "ends": [end for _, end in self.tokens],
            "tags": list(self.tags),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(
            row_id=record["row_id"],
            line=record["line"],
            text=record["text"],
            tokens=tuple(zip(record["starts"], record["ends"], strict=True)),
            tags=tuple(record["tags"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QARow(Row):
    """A question about a context. `answers` are (text, start) pairs; none means unanswerable."""

    task = "qa"
    context: str
    question: str
    answers: tuple[tuple[str, int], ...]
    key: str = ""

    def to_record(self) -> dict[str, Any]:
        return {
            "row_id": self.row_id,
            "line": self.line,
            "context": self.context,
            "question": self.question,
            "answer_texts": [text for text, _ in self.answers],
            "answer_starts": [start for _, start in self.answers],
            "key": self.key,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(
            row_id=record["row_id"],
            line=record["line"],
            context=record["context"],
            question=record["question"],
            answers=tuple(zip(record["answer_texts"], record["answer_starts"], strict=True)),
            key=record["key"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaning:
    """What was taken out of a document: repeated and wordless lines, and characters that no text may hold."""

    repeated_lines: int = 0
    wordless_lines: int = 0
    characters: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusRow(Row):
    """A document of a corpus: `text` has a sentence or paragraph a line. `cleaning` is not stored."""

    task = "pretraining"
    text: str
    cleaning: Cleaning = field(default_factory=Cleaning)

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def to_record(self) -> dict[str, Any]:
        return {"row_id": self.row_id, "line": self.line, "text": self.text}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(row_id=record["row_id"], line=record["line"], text=record["text"])


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow(Row):
    """A text and the text to write for it. An empty `target` is one that is asked for."""

    source: str
    target: str

    def to_record(self) -> dict[str, Any]:
        return {"row_id": self.row_id, "line": self.line, "source": self.source, "target": self.target}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(row_id=record["row_id"], line=record["line"], source=record["source"], target=record["target"])


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationRow(PairRow):
    """A text with its translation."""

    task = "translation"


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow(PairRow):
    """A text with its summary."""

    task = "summarization"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRow(Row):
    """What to write: after a prompt, or (None) from nothing. `history` are earlier (role, content) of a conversation."""

    task = "generation"
    response: str
    prompt: str | None = None
    history: tuple[tuple[str, str], ...] = ()

    def to_record(self) -> dict[str, Any]:
        return {
            "row_id": self.row_id,
            "line": self.line,
            "prompt": self.prompt,
            "response": self.response,
            "roles": [role for role, _ in self.history],
            "turns": [content for _, content in self.history],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        return cls(
            row_id=record["row_id"],
            line=record["line"],
            prompt=record["prompt"],
            response=record["response"],
            history=tuple(zip(record["roles"], record["turns"], strict=True)),
        )


ROWS: Mapping[str, type[Row]] = {
    row.task: row for row in (ClassificationRow, TaggedRow, QARow, CorpusRow, TranslationRow, SummaryRow, GenerationRow)
}
