"""`manage.py routes`: every address with its verbs and its policy."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from nlpstudio.config.routes import all_routes


class Command(BaseCommand):
    """Print the table that the permission tests check."""

    help = "List every route with verbs and policy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        routes = all_routes()
        if options["json"]:
            self.stdout.write(json.dumps([route.to_json() for route in routes], indent=2))
            return
        width = max(len(route.pattern) for route in routes)
        for route in routes:
            self.stdout.write(f"{route.pattern:<{width}}  {','.join(route.verbs):<12}  {route.policy}")
