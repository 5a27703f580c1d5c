"""What a person may say about a file before it is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from nlpstudio.engine.catalogue import CATALOGUE
from nlpstudio.engine.errors import InvalidSpec
from nlpstudio.engine.jsonable import Jsonable

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitOptions(Jsonable):
    """Shares of the rows (they must sum to 1) and how they are drawn."""

    train: float = 0.8
    validation: float = 0.1
    test: float = 0.1
    seed: int = 42
    stratify: bool = True

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        is_whole = abs(sum(shares) - 1) <= 1e-6  # never so with one that is no number
        if not is_whole or any(share < 0 for share in shares) or self.train == 0:
            raise InvalidSpec(
                f"the shares of train, validation and test are {shares}",
                hint="Give three shares that sum to 1, with more than 0 for train.",
            )


AS_USUAL = SplitOptions()
"""Stands for the usual split of the task, where nobody said how to draw."""


def usual_split(task: str) -> SplitOptions:
    """How rows are drawn unless somebody says otherwise: a corpus is nearly all for training, by document."""
    if task == "pretraining":
        return SplitOptions(train=0.95, validation=0.05, test=0.0, stratify=False)
    return SplitOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(Jsonable):
    """How to read a file; `None` means "find out from the file".

    `columns` maps a role of the task (`text`, `label`, …) to a column's name, or to its index as
    decimal text ("0", "1") when there is no header. `quoting` says whether `"` encloses cells.
    `multilabel` reads several labels from one cell, joined by `|`. With `keep_good_rows` off, one
    bad row refuses the whole file.
    """

    task: str
    columns: dict[str, str] | None = None
    header: bool | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quoting: bool | None = None
    multilabel: bool = False
    format: str | None = None
    split: SplitOptions = field(default_factory=lambda: AS_USUAL)
    keep_good_rows: bool = True

    def __post_init__(self) -> None:
        if self.split is AS_USUAL:
            object.__setattr__(self, "split", usual_split(self.task))
        if self.task not in CATALOGUE:
            raise InvalidSpec(f"unknown task {self.task!r}", hint=f"Known tasks: {', '.join(CATALOGUE)}.")
        info = CATALOGUE[self.task]
        for role in self.columns or {}:
            if role not in (*info.columns, *info.optional):
                raise InvalidSpec(
                    f"{self.task} has no column {role!r}",
                    hint=f"Its columns are {', '.join((*info.columns, *info.optional))}.",
                )
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise InvalidSpec(f"the delimiter must be one character, not {self.delimiter!r}")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build from `to_json`'s dict. Raises `InvalidSpec` for an unknown key or a bad value."""
        split = values.get("split")
        return super(ImportOptions, cls).from_json(
            {**values, "split": SplitOptions.from_json(split) if split else AS_USUAL}
        )
