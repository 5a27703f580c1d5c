"""A model card as blocks that a template prints with escaping; raw HTML has no way in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_HEADING = re.compile(r"(#{1,4})\s+(.*)")
_ITEM = re.compile(r"\s*[-*]\s+(.*)")
_RULE = re.compile(r"\|?[\s:|-]+\|?")
_INLINE = re.compile(r"(?<!\\)`([^`]+)`|(?<!\\)\*\*([^*]+)\*\*")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]<>#|!])")
_BAR = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Words within a line: `kind` is text, code or strong."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`kind` is heading, paragraph, list, table or code. `rows` are lines of cells of pieces; `code` is verbatim."""

    kind: str
    level: int = 0
    code: str = ""
    rows: list[list[list[Piece]]] = field(default_factory=list)


def blocks_of(artifact: Path) -> list[Block]:
    """The blocks of the artifact's README.md without its metadata header; none when there is no card."""
    path = artifact / "README.md"
    return parse(path.read_text(encoding="utf-8")) if path.is_file() else []


def parse(text: str) -> list[Block]:
    """Headings, lists, tables, fenced code and paragraphs of Markdown; everything else is plain text."""
    lines = _without_header(text.splitlines())
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        block, at = _block(lines, at)
        if block is not None:
            blocks.append(block)
    return blocks


def _without_header(lines: list[str]) -> list[str]:
    if lines[:1] != ["---"] or "---" not in lines[1:]:
        return lines
    return lines[lines.index("---", 1) + 1 :]


def _block(lines: list[str], at: int) -> tuple[Block | None, int]:
    """The block that starts at line `at` and the line after it."""
    line = lines[at]
    if not line.strip():
        return None, at + 1
    if line.startswith("```"):
        end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith("```")), len(lines))
        return Block(kind="code", code="\n".join(lines[at + 1 : end])), end + 1
    if heading := _HEADING.fullmatch(line):
        return Block(kind="heading", level=len(heading[1]), rows=[[_pieces(heading[2])]]), at + 1
    kind = _kind(line)
    end = next((i for i in range(at, len(lines)) if not lines[i].strip() or _kind(lines[i]) != kind), len(lines))
    return Block(kind=kind, rows=_rows(kind, lines[at:end])), end


def _kind(line: str) -> str:
    if line.startswith("```") or _HEADING.fullmatch(line):
        return "other"
    if line.startswith("|"):
        return "table"
    return "list" if _ITEM.fullmatch(line) else "paragraph"


def _rows(kind: str, lines: list[str]) -> list[list[list[Piece]]]:
    if kind == "table":
        cells = [_BAR.split(line.strip())[1:-1] for line in lines if not _RULE.fullmatch(line)]
        return [[_pieces(cell.strip()) for cell in row] for row in cells]
    if kind == "list":
        return [[_pieces(item[1])] for line in lines if (item := _ITEM.fullmatch(line))]
    return [[_pieces(" ".join(line.strip() for line in lines))]]


def _pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for found in _INLINE.finditer(text):
        if found.start() > at:
            pieces.append(_words(text[at : found.start()]))
        code, strong = found.groups()
        pieces.append(Piece(kind="code", text=code) if code else Piece(kind="strong", text=strong))
        at = found.end()
    if at < len(text):
        pieces.append(_words(text[at:]))
    return pieces


def _words(text: str) -> Piece:
    return Piece(kind="text", text=_ESCAPED.sub(r"\1", text))
