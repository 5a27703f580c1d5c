"""`manage.py restore FILE`: a backup becomes the installation."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nlpstudio.operations import restore


class Command(BaseCommand):
    """Verify, then load. The database may be of the other engine than the one that was saved."""

    help = "Bring a backup back. It is verified to its last byte before anything is changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a file that `backup` wrote")
        parser.add_argument("--replace", action="store_true", help="in place of the installation that is here")
        parser.add_argument("--verify", action="store_true", help="only verify the file")

    def handle(self, *args: Any, file: Path, replace: bool, verify: bool, **options: Any) -> None:
        try:
            if verify:
                index = restore.verify(file)
                self.stdout.write(f"{file} is whole: {len(index.members)} members, made at {index.made_at}.")
                return
            done = restore.restore(file, replace=replace, say=self.stdout.write)
        except (restore.Refused, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored {done.rows} rows and {done.files} files in {done.seconds:.1f} s.")
