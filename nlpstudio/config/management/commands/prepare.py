"""`manage.py prepare`: what must be done once before the processes start apart from each other."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from nlpstudio.config import first_start
from nlpstudio.config.insecure import refuse
from nlpstudio.operations import upgrade


class Command(BaseCommand):
    """Migrate, collect the static files, make the first administrator and sample project. Safe to repeat."""

    help = "Prepare database and files for web and workers that are started one by one (compose.yaml)."

    def handle(self, *args: Any, **options: Any) -> None:
        refuse(settings)
        upgrade.migrate(self.stdout.write)
        call_command("collectstatic", interactive=False, verbosity=0)
        welcome = first_start.prepare(
            email=os.environ.get("STUDIO_ADMIN_EMAIL") or "admin@studio.local",
            password=os.environ.get("STUDIO_ADMIN_PASSWORD") or None,
        )
        how = f" Sign in once at {welcome.link}, or as {welcome.user.email}." if welcome.link else ""
        self.stdout.write(f"Ready.{how}")
        if welcome.password:
            self.stdout.write(f"Password (shown only this once): {welcome.password}")
