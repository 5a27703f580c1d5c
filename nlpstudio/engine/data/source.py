"""The bytes of an upload, seen through gzip and zip, counted and capped, never unpacked to disk by name."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nlpstudio.engine.errors import UnreadableFile

MAX_INFLATED = 4 * 1024**3
BOMB_RATIO = 200
BOMB_FLOOR = 64 * 1024**2
MAX_PARTS = 50
MAX_TEXTS = 10_000

SPLIT_ALIASES = {
    "train": "train", "training": "train", "trn": "train", "训练": "train", "训练集": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "development": "validation", "eval": "validation", "验证": "validation", "验证集": "validation", "开发集": "validation",
    "test": "test", "testing": "test", "tst": "test", "测试": "test", "测试集": "test",
}  # fmt: skip

_REFUSED: tuple[tuple[bytes, str], ...] = (
    (rb"\x80[\x02-\x05]", "a Python pickle, which is never opened because it can run code"),
    (rb"%PDF", "a PDF document"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8", "a picture"),
    (rb"\x7fELF|MZ", "a program"),
    (rb"BZh|\xfd7zXZ|Rar!|7z\xbc\xaf|\x28\xb5\x2f\xfd", "an archive of a kind that is not read"),
    (rb"SQLite format 3", "a database"),
    (rb"ARROW1", "an Arrow file"),
    (rb"\s*(?i:<!doctype html|<html)", "a web page"),
)
_HINT = "Upload a text table (.tsv, .csv), .jsonl, .json, .xlsx, .parquet or CoNLL file, alone or in .gz or .zip."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One data file: the upload itself, or a member of its archive.

    `open` starts reading at its first (inflated) byte. `path` is set when the bytes lie on disk as
    they are. `split` is set when the member's name says it. `is_member` says that it is one of many texts of an archive.
    """

    name: str
    open: Callable[[], BinaryIO]
    path: Path | None = None
    split: str | None = None
    is_member: bool = False

    def head(self, size: int) -> bytes:
        """At most the first `size` bytes."""
        with self.open() as stream:
            return stream.read(size)

    @contextmanager
    def on_disk(self, limit: int) -> Iterator[Path]:
        """A path to the bytes, for formats that are read from their end. Raises `UnreadableFile` above `limit` bytes."""
        if self.path is not None:
            if self.path.stat().st_size > limit:
                raise UnreadableFile(f"{self.name} is larger than {limit >> 20} MiB", hint="Export it as .tsv instead.")
            yield self.path
            return
        with tempfile.TemporaryDirectory() as folder, self.open() as stream:
            copy = Path(folder) / "part"
            with copy.open("wb") as out:
                shutil.copyfileobj(io.BytesIO(stream.read(limit + 1)), out)
            if copy.stat().st_size > limit:
                raise UnreadableFile(f"{self.name} is larger than {limit >> 20} MiB", hint="Export it as .tsv instead.")
            yield copy


class Progressing:
    """How much of the file on disk has been read, whatever is wrapped around it."""

    def __init__(self, path: Path) -> None:
        self.size = max(path.stat().st_size, 1)
        self.stream: BinaryIO | None = None

    def share(self) -> float:
        """From 0 to 1."""
        if self.stream is None or self.stream.closed:
            return 0.0
        return min(self.stream.tell() / self.size, 1.0)


class _Counted(io.RawIOBase):
    """Reads from a decompressor, counts what comes out and stops a bomb."""

    def __init__(self, inner: BinaryIO, packed: int, name: str, under: BinaryIO) -> None:
        self._inner, self._packed, self._name, self._under = inner, max(packed, 1), name, under
        self._out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's buffer is wider than ours
        try:
            data = self._inner.read(len(buffer))
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise UnreadableFile(
                f"the compressed file {self._name} is damaged or locked: {error}",
                hint="Pack it again without a password, or upload the file itself.",
            ) from error
        self._out += len(data)
        if self._out > MAX_INFLATED or (self._out > BOMB_FLOOR and self._out > BOMB_RATIO * self._packed):
            raise UnreadableFile(
                f"{self._name} inflates to more than {self._out >> 20} MiB from {self._packed >> 10} KiB",
                hint="Upload the data uncompressed, in smaller files.",
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._inner.close()
        self._under.close()
        super().close()


def open_parts(path: Path, name: str, progress: Progressing | None = None, *, many: bool = False) -> list[Part]:
    """The data files of an upload: itself, or the regular files of its archive, where `many` may make up one data set.

    Raises `UnreadableFile` for an empty file, a kind that is never data, or an archive whose
    members cannot be told apart.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    if not head:
        raise UnreadableFile("the file is empty", hint="Check the export, then upload it again.")
    _refuse(head, name)

    def opened() -> BinaryIO:
        stream = path.open("rb")
        if progress is not None:
            progress.stream = stream
        return stream

    if head.startswith(b"\x1f\x8b"):
        return [_gzipped(path, name, opened)]
    if head.startswith(b"PK") and not is_spreadsheet(path):
        return _many(path, opened) if many else _zipped(path, opened)
    return [Part(name=name, open=opened, path=path)]


def is_spreadsheet(path: Path) -> bool:
    """Whether a zip is an Excel or OpenDocument workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            inflated = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile:
        return False
    if not ({"xl/workbook.xml", "xl/workbook.bin"} & names or {"content.xml", "mimetype"} <= names):
        return False
    if inflated > MAX_INFLATED // 4 or inflated > max(BOMB_FLOOR, path.stat().st_size * BOMB_RATIO):
        raise UnreadableFile(f"the workbook inflates to {inflated >> 20} MiB", hint="Save it as .csv and upload that.")
    return True


def _refuse(head: bytes, name: str) -> None:
    for pattern, kind in _REFUSED:
        if re.match(pattern, head):
            raise UnreadableFile(f"{name} is {kind}", hint=_HINT)


def _gzipped(path: Path, name: str, opened: Callable[[], BinaryIO]) -> Part:
    inner = name[:-3] if name.lower().endswith(".gz") else name
    size = path.stat().st_size

    def inflate() -> BinaryIO:
        under = opened()
        return io.BufferedReader(_Counted(gzip.GzipFile(fileobj=under, mode="rb"), size, name, under), 1 << 16)  # type: ignore[arg-type]  # GzipFile reads like any binary stream

    part = Part(name=inner, open=inflate)
    _refuse(part.head(4096), inner)
    return part


def _zipped(path: Path, opened: Callable[[], BinaryIO]) -> list[Part]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _is_data(member)]
    except zipfile.BadZipFile as error:
        raise UnreadableFile("the .zip file is damaged", hint="Pack it again and upload it.") from error
    if not members or len(members) > MAX_PARTS:
        raise UnreadableFile(
            f"the .zip file holds {len(members)} data files", hint="Pack one data file, or one a split."
        )
    parts = [_member(member, opened) for member in members]
    splits = [part.split for part in parts]
    if len(parts) > 1 and (None in splits or len(set(splits)) < len(splits)):
        raise UnreadableFile(
            f"the .zip file holds {len(parts)} data files: {', '.join(part.name for part in parts[:5])}",
            hint="Pack only one file, or files named train, validation (or dev) and test.",
        )
    for part in parts:
        _refuse(part.head(4096), part.name)
    return parts if len(parts) > 1 else [Part(name=parts[0].name, open=parts[0].open)]


def _many(path: Path, opened: Callable[[], BinaryIO]) -> list[Part]:
    """The texts of an archive that is opened once for all of them, in the order of their names."""
    try:
        archive = zipfile.ZipFile(opened())
    except zipfile.BadZipFile as error:
        raise UnreadableFile("the .zip file is damaged", hint="Pack it again and upload it.") from error
    members = sorted((m for m in archive.infolist() if _is_data(m)), key=lambda m: m.filename)
    if not members or len(members) > MAX_TEXTS:
        hint = f"Pack from 1 to {MAX_TEXTS:,} texts, or join them with an empty line between documents."
        raise UnreadableFile(f"the .zip file holds {len(members)} data files", hint=hint)
    inflated = sum(member.file_size for member in members)
    if inflated > MAX_INFLATED or inflated > max(BOMB_FLOOR, path.stat().st_size * BOMB_RATIO):
        raise UnreadableFile(f"the .zip file inflates to {inflated >> 20} MiB", hint="Pack less into it.")
    return [_text_of(archive, member, alone=len(members) == 1) for member in members]


def _text_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, alone: bool) -> Part:
    name = PurePosixPath(member.filename).name

    def inflate() -> BinaryIO:
        try:
            inner = archive.open(member)
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise UnreadableFile(f"{name} in the .zip file cannot be opened: {error}", hint="Pack it again.") from error
        return io.BufferedReader(_Counted(inner, member.compress_size, name, io.BytesIO()), 1 << 16)  # type: ignore[arg-type]  # ZipExtFile reads like any binary stream

    return Part(name=name, open=inflate, split=None if alone else split_of_name(name), is_member=not alone)


def _is_data(member: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(member.external_attr >> 16)
    path = PurePosixPath(member.filename)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    paper = path.stem.lower() in {"readme", "license", "licence", "source", "notice", "changelog"}
    return not member.is_dir() and kind in (0, stat.S_IFREG) and not hidden and not paper and member.file_size > 0


def _member(member: zipfile.ZipInfo, opened: Callable[[], BinaryIO]) -> Part:
    name = PurePosixPath(member.filename).name

    def inflate() -> BinaryIO:
        under = opened()
        try:
            inner = zipfile.ZipFile(under).open(member.filename)  # noqa: SIM115 - the reader of the part closes it
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            under.close()
            raise UnreadableFile(f"{name} in the .zip file cannot be opened: {error}", hint="Pack it again.") from error
        return io.BufferedReader(_Counted(inner, member.compress_size, name, under), 1 << 16)  # type: ignore[arg-type]  # ZipExtFile reads like any binary stream

    return Part(name=name, open=inflate, split=split_of_name(name))


def split_of_name(name: str) -> str | None:
    """The split that a file name speaks of: `dev.tsv`, `emerging.dev.conll`, `train-00000.parquet`."""
    words = re.split(r"[^\w]+|[_\d]+", name.lower())
    found = {SPLIT_ALIASES[word] for word in words if word in SPLIT_ALIASES}
    return found.pop() if len(found) == 1 else None
