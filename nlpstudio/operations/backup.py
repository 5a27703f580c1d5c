"""One file that holds the whole installation: rows as of one moment, the files they speak of, and a sha256 of each.

It is a plain tar. Its last member, `backup.json`, lists all others: a backup that was cut short has none and is none.
The file appears under its name only when it is whole and on the disk.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction

from nlpstudio.operations import rows
from nlpstudio.operations.checks.files import KINDS

FORMAT = 1
INDEX = "backup.json"
MUTABLE = ("runs", "batches")
"""Kinds of folders whose files may change while they are read: those are copied aside first."""
PASSING = (".draft-", ".old-")
SPOOL_BYTES = 32 << 20
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of the backup. For a table, `rows` counts its rows and `content` is a sha256 over them that is the same
    whichever engine they came from (PostgreSQL puts the keys of JSON into an order of its own).
    """

    name: str
    size: int
    sha256: str
    rows: int | None = None
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backup holds."""

    rows: int
    files: int
    bytes: int
    seconds: float


def write(target: Path, *, with_files: bool = True, say: Callable[[str], None] = lambda _words: None) -> Summary:
    """Save rows, and the files that they speak of, into `target`. The studio may run and change things meanwhile.

    Raises `FileExistsError`, and `OSError` when it cannot be written; then there is nothing under that name.
    """
    if target.exists():
        raise FileExistsError(target)
    begun = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        with os.fdopen(descriptor, "w+b") as file:
            members = _fill(file, with_files=with_files, say=say)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(target)
        _sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)
    counted = sum(member.rows or 0 for member in members)
    files = sum(member.rows is None for member in members)
    size = target.stat().st_size
    return Summary(rows=counted, files=files, bytes=size, seconds=time.monotonic() - begun)


def _fill(file: IO[bytes], *, with_files: bool, say: Callable[[str], None]) -> list[Member]:
    members: list[Member] = []
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        with snapshot():
            nodes = rows.applied()
            for model in rows.models_at(nodes):
                members.append(_add_table(tar, model._meta.label_lower, rows.dump(model)))
            owners = {kind: {str(pk) for pk in _ids(kind)} for kind in KINDS} if with_files else {}
        say(f"{sum(member.rows or 0 for member in members)} rows of {len(members)} tables")
        for name, path in _files(owners):
            if (member := _add_file(tar, name, path)) is not None:
                members.append(member)
        index = {
            "format": FORMAT,
            "made_at": datetime.now(UTC).isoformat(),
            "engine": connection.vendor,
            "with_files": with_files,
            "migrations": nodes,
            "members": [asdict(member) for member in members],
        }
        _add(tar, INDEX, io.BytesIO(json.dumps(index, ensure_ascii=False).encode()))
    return members


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read inside is as of one moment, on either engine, and nobody has to wait for it."""
    if connection.vendor == "sqlite":
        # A deferred transaction reads one state of the write-ahead log and takes no lock for writing.
        connection.ensure_connection()
        database: Any = connection
        mode, database.transaction_mode = database.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic():
                yield
        finally:
            database.transaction_mode = mode
        return
    with transaction.atomic():
        if connection.vendor == "postgresql" and len(connection.savepoint_ids) == 0:
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _ids(kind: str) -> Iterable[Any]:
    return KINDS[kind]().order_by("pk").values_list("pk", flat=True)


def _files(owners: dict[str, set[str]]) -> Iterator[tuple[str, Path]]:
    """Every file of the folders that rows speak of, but what is only half made."""
    root: Path = settings.FILES_ROOT
    for kind, ids in owners.items():
        for owner in sorted(ids):
            for path in sorted((root / kind / owner).rglob("*")):
                inside = path.relative_to(root)
                if path.is_file() and not path.is_symlink() and not _is_passing(inside):
                    yield f"files/{inside.as_posix()}", path


def _is_passing(inside: Path) -> bool:
    return any(part.startswith(PASSING) for part in inside.parts) or inside.suffix == ".new"


def _add_table(tar: tarfile.TarFile, label: str, lines: Iterable[list[Any]]) -> Member:
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        count, content = -1, hashlib.sha256()  # the first line names the columns
        with gzip.GzipFile(fileobj=spool, mode="wb", mtime=0, compresslevel=3) as packed:
            for line in lines:
                packed.write(rows.line(line))
                content.update(rows.line(line, sort=True))
                count += 1
        member = _add(tar, f"rows/{label}.jsonl.gz", spool)
        return replace(member, rows=count, content=content.hexdigest())


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> Member | None:
    """Add the file; None when it went away, as checkpoints do."""
    try:
        with path.open("rb") as file:
            if name.split("/")[1] not in MUTABLE:
                return _add(tar, name, file)
            with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
                while piece := file.read(CHUNK):
                    spool.write(piece)
                spool.seek(0)
                return _add(tar, name, spool)
    except FileNotFoundError:
        return None


def _add(tar: tarfile.TarFile, name: str, file: Any) -> Member:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, int(time.time())
    reader = _Hashing(file)
    tar.addfile(info, reader)
    return Member(name=name, size=size, sha256=reader.digest.hexdigest())


class _Hashing:
    """Reads through and computes the sha256 of what was read."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self.digest.update(data)
        return data


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
