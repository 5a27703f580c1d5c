"""Third-party front-end files: fetched once from npm at pinned versions, kept in the repository, checked by hash."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

WANTED: Mapping[str, tuple[str, ...]] = {
    "htmx.org@2.0.11": ("dist/htmx.min.js", "LICENSE"),
    "htmx-ext-ws@2.0.4": ("dist/ws.min.js", "LICENSE"),
    "idiomorph@0.8.0": ("dist/idiomorph-ext.min.js", "LICENSE"),
    "katex@0.16.22": ("dist/katex.min.js", "LICENSE"),
    "uplot@1.6.32": ("dist/uPlot.iife.min.js", "dist/uPlot.min.css", "LICENSE"),
}
"""Package and version, and which of its files are used."""


def integrity(content: bytes, algorithm: str = "sha384") -> str:
    """The hash as browsers and npm write it, such as `sha384-…`."""
    return f"{algorithm}-" + base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def problems(folder: Path) -> list[str]:
    """What differs between the files in `folder` and its lock, one line each."""
    lock = json.loads(lock_of(folder).read_text(encoding="utf-8"))
    present = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file() and p != lock_of(folder)}
    missing = [f"{name} is missing" for name in sorted(lock.keys() - present.keys())]
    unknown = [f"{name} is not in the lock" for name in sorted(present.keys() - lock.keys())]
    changed = [
        f"{name} differs from the lock"
        for name in sorted(lock.keys() & present.keys())
        if integrity(present[name].read_bytes()) != lock[name]["integrity"]
    ]
    return missing + unknown + changed


def lock_of(folder: Path) -> Path:
    return folder / "vendor.lock.json"


def fetch(package: str, files: tuple[str, ...]) -> Iterator[tuple[str, bytes, str]]:
    """Yield (name below the vendor folder, content, the package's own hash), the package checked against the registry."""
    expected = npm("view", package, "dist.integrity", cwd=Path())
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / npm("pack", "--silent", "--ignore-scripts", package, cwd=Path(folder)).split()[-1]
        if integrity(packed.read_bytes(), "sha512") != expected:
            raise CommandError(f"{package} is not what the registry says it is.")
        with tarfile.open(packed) as archive:
            for file in files:
                member = archive.extractfile(f"package/{file}")
                if member is None:
                    raise CommandError(f"{package} has no file {file}.")
                yield f"{package.rsplit('@', 1)[0]}/{Path(file).name}", member.read(), expected


def npm(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["npm", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"npm {arguments[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout.strip()


class Command(BaseCommand):
    help = "Check the third-party front-end files against their hashes; --update fetches them again from npm."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--update", action="store_true", help="fetch the pinned packages and write the lock")

    def handle(self, *args: Any, update: bool, **options: Any) -> None:
        folder: Path = settings.ROOT / "static" / "vendor"
        if update:
            self._update(folder)
        found = problems(folder)
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write("Third-party front-end files are as locked.")

    def _update(self, folder: Path) -> None:
        lock: dict[str, dict[str, str]] = {}
        for package, files in WANTED.items():
            for name, content, tarball in fetch(package, files):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
                lock[name] = {"package": package, "tarball": tarball, "integrity": integrity(content)}
        lock_of(folder).write_text(json.dumps(lock, indent=2, sort_keys=True) + "\n", encoding="utf-8")
