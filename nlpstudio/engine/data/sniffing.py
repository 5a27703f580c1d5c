"""What a file seems to be, from its first bytes: never raises for odd content, says what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.jsonable import Jsonable

HEAD_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sniffed(Jsonable):
    """A first look at a file.

    `encoding_sure` is "certain" (byte order mark, or strict UTF-8 so far), "likely" or "guess".
    `columns` are the names of the columns ("0", "1", … without a header), `guessed` maps roles of
    the task to them, `missing` lists needed roles for which no column was found. `raw_lines` are
    the first ten lines as they are. `preview` holds up to five of {"record": …} or {"problem": …}.
    `messages` are {"code", "level": "info" | "warning" | "error", "message"}; `usable` is false
    when an import with these settings cannot work.
    """

    task: str
    format: str | None
    encoding: str | None
    encoding_sure: str = "certain"
    delimiter: str | None = None
    quoting: bool | None = None
    header: bool | None = None
    columns: list[str] = field(default_factory=list)
    guessed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    raw_lines: list[str] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)
    usable: bool = True


def sniff(path: Path, task: str, options: ImportOptions | None = None, *, name: str | None = None) -> Sniffed:
    """Look at the first 256 KB of a file. Reads no more, raises nothing for odd content.

    `name` is the file's name as the person knows it, when `path` is called otherwise.
    """
    raise NotImplementedError
