"""`manage.py doctor`: is everything as it should be?"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nlpstudio.operations.checks import CHECKS
from nlpstudio.operations.doctor import examine


class Command(BaseCommand):
    """Leaves with 1 when an invariant is broken; warnings alone leave with 0."""

    help = "Check rows, files and processes against what must always be true. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON")
        parser.add_argument("--fast", action="store_true", help="without reading every stored byte")
        parser.add_argument("--only", nargs="+", choices=list(CHECKS), default=[], help="only these checks")

    def handle(self, *args: Any, **options: Any) -> None:
        report = examine(deep=not options["fast"], only=options["only"])
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
        else:
            looked = ", ".join(f"{number} {what}" for what, number in report.looked_at.items())
            self.stdout.write(f"Looked at {looked}.")
            for finding in report.findings:
                kind = "warning" if finding.is_warning else "BROKEN"
                self.stdout.write(f"{kind:>8}  {finding.check}: {finding.subject}: {finding.message}")
            self.stdout.write("All is well." if report.ok else "Something is broken: see above.")
        if not report.ok:
            sys.exit(1)
