"""`manage.py backup FILE`: the whole installation into one file, while it runs."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nlpstudio.operations import backup, restore


class Command(BaseCommand):
    """Write it, read it back, and say what it holds."""

    help = "Save database and files into one file. Keep it safe: it holds everybody's data and password hashes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="where to write; must not exist")
        parser.add_argument("--rows-only", action="store_true", help="the database without the files")

    def handle(self, *args: Any, file: Path, rows_only: bool, **options: Any) -> None:
        try:
            made = backup.write(file, with_files=not rows_only, say=self.stdout.write)
            restore.verify(file)
        except FileExistsError as error:
            raise CommandError(f"{file} exists already: a backup never takes another's place.") from error
        except (OSError, restore.Refused) as error:
            raise CommandError(f"The backup could not be written: {error}") from error
        mebibytes = made.bytes / 2**20
        self.stdout.write(
            f"{file}: {made.rows} rows, {made.files} files, {mebibytes:.1f} MiB in {made.seconds:.1f} s, verified."
        )
