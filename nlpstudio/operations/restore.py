"""Brings a backup back, onto either database engine: first everything is verified, only then anything is changed."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import shutil
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from nlpstudio.accounts import guard
from nlpstudio.core.models import Worker
from nlpstudio.notices import sending
from nlpstudio.operations import rows
from nlpstudio.operations.backup import CHUNK, FORMAT, INDEX, Member, Summary
from nlpstudio.operations.checks.files import KINDS
from nlpstudio.runs import leases
from nlpstudio.runs.models import Run
from nlpstudio.runs.states import LEASED

DRAFT = ".restoring"


class Refused(Exception):
    """The backup is not restored, and nothing was changed. The words say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What the backup says of itself."""

    made_at: str
    engine: str
    with_files: bool
    migrations: list[rows.Node]
    members: list[Member]


def verify(source: Path) -> Index:
    """Read every byte and compare it with the index. Raises `Refused`, naming the first member that is wrong."""
    try:
        with tarfile.open(source, mode="r:") as tar:
            inside = {info.name: info for info in tar.getmembers()}
            if INDEX not in inside:
                raise Refused("The backup is cut short: its index is missing.")
            index = _index(json.loads(_stream(tar, inside[INDEX]).read()))
            listed = {member.name for member in index.members}
            if extra := sorted(set(inside) - listed - {INDEX}):
                raise Refused(f"The backup holds {extra[0]}, which its index does not list.")
            for member in index.members:
                if member.name not in inside:
                    raise Refused(f"{member.name} is missing from the backup.")
                if not inside[member.name].isreg() or _sha256(tar, inside[member.name]) != (member.size, member.sha256):
                    raise Refused(f"{member.name} in the backup is damaged.")
                _check_place(member.name)
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"This is no backup that can be read: {error}") from error
    return index


def restore(source: Path, *, replace: bool = False, say: Callable[[str], None] = lambda _words: None) -> Summary:
    """Verify the backup, then put its rows and files in place of an empty installation, or of the one that is here.

    Raises `Refused` before anything is changed. After a death in the middle the same call does it again.
    """
    begun = time.monotonic()
    index = verify(source)
    say(f"The backup of {index.made_at} is whole: {len(index.members)} members.")
    if newer := rows.unknown_to_us(index.migrations):
        raise Refused(f"The backup is of a newer version of the studio (migration {'.'.join(newer[0])}).")
    with _alone():
        is_new = "django_migrations" not in connection.introspection.table_names()
        if not is_new:
            _check_target(index, replace=replace)
        draft = settings.FILES_ROOT / DRAFT
        shutil.rmtree(draft, ignore_errors=True)
        _unpack(source, index, draft)
        say("The files are unpacked and verified.")
        if is_new:
            for app, name in rows.leaves(index.migrations):
                call_command("migrate", app, name, interactive=False, verbosity=0)
        with transaction.atomic(), guard.lifted(connection):
            count = _load(source, index)
            _move_in(draft, index)
        call_command("migrate", interactive=False, verbosity=0)
        _requeue()
        sending.give_up_waiting()
    files = sum(member.rows is None for member in index.members)
    return Summary(rows=count, files=files, bytes=source.stat().st_size, seconds=time.monotonic() - begun)


def _index(values: dict[str, Any]) -> Index:
    if values["format"] != FORMAT:
        raise Refused(f"The backup has format {values['format']}; this program reads {FORMAT}.")
    return Index(
        made_at=values["made_at"],
        engine=values["engine"],
        with_files=values["with_files"],
        migrations=[(app, name) for app, name in values["migrations"]],
        members=[Member(**member) for member in values["members"]],
    )


def _check_place(name: str) -> None:
    """A member may only name a table or a file inside the storage."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] not in ("rows", "files") or len(path.parts) < 2:
        raise Refused(f"The backup names {name}, which is outside of the studio's folders.")


def _check_target(index: Index, *, replace: bool) -> None:
    if Worker.objects.alive().exists():
        raise Refused("Workers are alive. End the studio, wait for half a minute, then restore.")
    from_code, here = set(rows.leaves(index.migrations)), set(rows.leaves(rows.applied()))
    if from_code != here:
        raise Refused("The backup has another schema than this database. Restore it into a new, empty database.")
    if not replace and apps.get_model("accounts", "User").objects.exists():
        raise Refused("There is an installation here already. Say --replace to put the backup in its place.")


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the lock of the home that a running studio holds."""
    path = settings.STUDIO_HOME / "run" / "studio.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Refused(f"NLP Studio runs in {settings.STUDIO_HOME}. End it first.") from error
        yield


def _unpack(source: Path, index: Index, draft: Path) -> None:
    with tarfile.open(source, mode="r:") as tar:
        for member in index.members:
            if member.name.startswith("files/"):
                path = draft / member.name.removeprefix("files/")
                path.parent.mkdir(parents=True, exist_ok=True)
                digest = hashlib.sha256()
                with path.open("wb") as out, _stream(tar, tar.getmember(member.name)) as stream:
                    while piece := stream.read(CHUNK):
                        digest.update(piece)
                        out.write(piece)
                if digest.hexdigest() != member.sha256:
                    raise Refused(f"{member.name} changed while it was unpacked.")


def _load(source: Path, index: Index) -> int:
    """All rows, in place of those that are there."""
    models = {model._meta.label_lower: model for model in rows.models_at(index.migrations)}
    count = 0
    with tarfile.open(source, mode="r:") as tar:
        for model in models.values():
            model._base_manager.all()._raw_delete(connection.alias)  # no cascade, no signal
        for member in index.members:
            if member.rows is None:
                continue
            label = member.name.removeprefix("rows/").removesuffix(".jsonl.gz")
            if label not in models:
                raise Refused(f"The backup has rows of {label}, which its own schema does not know.")
            with gzip.open(_stream(tar, tar.getmember(member.name))) as lines:
                loaded = rows.load(models[label], lines)
            stored = models[label]._base_manager.aggregate(count=Count("pk"))["count"]
            if not loaded == member.rows == stored:
                raise Refused(f"{label}: {member.rows} rows in the backup, {loaded} loaded, {stored} stored.")
            count += loaded
        rows.reset_sequences(models.values())
    return count


def _move_in(draft: Path, index: Index) -> None:
    """Each kind of folder takes its place at once; what was there before goes."""
    if not index.with_files:
        return
    draft.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        home = settings.FILES_ROOT / kind
        shutil.rmtree(home, ignore_errors=True)
        if (draft / kind).is_dir():
            (draft / kind).rename(home)
    shutil.rmtree(draft, ignore_errors=True)


def _requeue() -> None:
    """No worker holds a run of the backup: those under way go back into the queue, at no cost of an attempt."""
    for run in Run.objects.filter(state__in=sorted(LEASED)):
        why = _("The studio was restored from a backup. The run continues from its last checkpoint.")
        leases.give_back(run, leases.Lease(run_id=run.pk, fence=run.fence), why)


def _stream(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Any:
    stream = tar.extractfile(info)
    if stream is None:
        raise Refused(f"{info.name} in the backup is no file.")
    return stream


def _sha256(tar: tarfile.TarFile, info: tarfile.TarInfo) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with _stream(tar, info) as stream:
        while piece := stream.read(CHUNK):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()
