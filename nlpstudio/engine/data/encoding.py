"""Which character encoding a file has: byte order mark, then strict UTF-8 over all of it, then a guess.

The order is that of trust: a mark is certain, bytes that are all valid UTF-8 hardly lie, and a
statistical guess (charset-normalizer) is only a hint that a person confirms in the preview.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

SAMPLE_BYTES = 64 * 1024
CHUNK = 1 << 20

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ue000-\uf8ff\ufffe\uffff]")
_GB = {"gb2312", "gbk", "gb18030", "cp936", "hz", "euc_cn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """A codec's name and how sure it is: "certain", "likely" or "guess"."""

    name: str
    sure: str


def known_codec(name: str) -> bool:
    """Whether Python can decode text of this encoding."""
    try:
        return codecs.lookup(name)._is_text_encoding
    except LookupError:
        return False


def detect(stream: BinaryIO, *, whole: bool = True) -> Encoding:
    """The encoding of a byte stream; reads it to its end. `whole` is false for a head that may be cut inside a character."""
    head = stream.read(CHUNK)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name=name, sure="certain")
    wide = _unmarked_utf16(head)
    if wide is not None:
        return Encoding(name=wide, sure="likely")
    tally = _Tally()
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = head
    while chunk:
        tally.add(chunk)
        if not tally.broken:
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                tally.broken = True
        chunk = stream.read(CHUNK)
    if not tally.broken and whole:
        tally.broken = bool(decoder.getstate()[0])
    if not tally.broken:
        return Encoding(name="utf-8", sure="certain")
    if tally.mostly_utf8():
        return Encoding(name="utf-8", sure="likely")
    return _guess(bytes(tally.sample))


class _Tally:
    """How many lines beyond ASCII are valid UTF-8, and a sample of those that are not ASCII."""

    def __init__(self) -> None:
        self.broken = False
        self.sample = bytearray()
        self._good = self._bad = 0
        self._rest = b""

    def add(self, chunk: bytes) -> None:
        if chunk.isascii() and self._rest.isascii():
            self._rest = b""
            return
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()[-CHUNK:]
        self._count(lines)

    def _count(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if line.isascii():
                continue
            if len(self.sample) < SAMPLE_BYTES:
                self.sample += line[:SAMPLE_BYTES] + b"\n"
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                self._bad += 1
            else:
                self._good += 1

    def mostly_utf8(self) -> bool:
        self._count([self._rest])
        self._rest = b""
        return self._good >= 10 * self._bad


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without a mark: it decodes to lines without control characters, and is nothing like UTF-8."""
    if b"\x00" not in head:
        return None
    if head.count(0) < 0.3 * len(head) and _decodes(head, "utf-8") is not None:
        return None
    for name in ("utf-16-le", "utf-16-be"):
        text = _decodes(head, name)
        if text and any(end in text for end in "\t\r\n") and not _CONTROL.search(text):
            return name
    return None


def _decodes(head: bytes, name: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(name)().decode(head)
    except UnicodeDecodeError:
        return None


def _guess(sample: bytes) -> Encoding:
    if _looks_like_gb(sample):
        return Encoding(name="gb18030", sure="likely")
    best = from_bytes(sample).best()
    if best is None:
        return Encoding(name="cp1252", sure="guess")
    return Encoding(name="gb18030" if best.encoding in _GB else best.encoding, sure="guess")


def _looks_like_gb(sample: bytes) -> bool:
    """Most double bytes are the 3,755 everyday characters of GB 2312, level 1.

    Korean EUC uses only the lower two thirds of the same rows, Big5 and Shift JIS other second bytes.
    """
    pairs = _double_bytes(sample)
    everyday = sum(1 for lead, trail in pairs if 0xB0 <= lead <= 0xD7 and trail >= 0xA1)
    signs = sum(1 for lead, trail in pairs if 0xA1 <= lead <= 0xA3 and trail >= 0xA1)
    upper = sum(1 for lead, trail in pairs if 0xC9 <= lead <= 0xD7 and trail >= 0xA1)
    return bool(pairs) and everyday + signs >= 0.75 * len(pairs) and upper >= 0.1 * everyday > 0


def _double_bytes(sample: bytes) -> list[tuple[int, int]]:
    pairs, at = [], 0
    while at < len(sample) - 1:
        if sample[at] < 0x80:
            at += 1
        else:
            pairs.append((sample[at], sample[at + 1]))
            at += 2
    return pairs
