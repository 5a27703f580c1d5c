"""What every reader takes and gives: a part and its layout in, numbered items or problems out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nlpstudio.engine.data.problems import Problem
from nlpstudio.engine.data.source import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a file is to be read.

    `columns` are the names of its columns, or "0", "1", … without a header; a line of another
    width is a problem. `roles` maps roles of the task to columns. `delimiter` "" means any blanks.
    """

    format: str
    encoding: str = "utf-8"
    delimiter: str = "\t"
    quoting: bool = False
    header: bool = False
    columns: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)

    def index(self, role: str) -> int:
        """The position of a role's column."""
        return self.columns.index(self.roles[role])


@dataclass(slots=True)
class Item:
    """One row as the file has it: its first line, its cells (a list) or its keys (a dict), and its source text."""

    line: int
    value: Any
    raw: str


@dataclass(slots=True)
class Bad:
    """A row that could not even be cut into cells, with its source text."""

    problem: Problem
    raw: str


Read = Callable[[Part, Layout], Iterator[Item | Bad]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A file format. `keyed` items are dicts, others lists of cells in the order of `Layout.columns`.

    `rejected` is the file name ending under which rejected source text can be read again.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Read
    text: bool = True
    keyed: bool = False
    rejected: str
