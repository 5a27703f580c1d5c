"""A new API token on standard output, for scripts."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nlpstudio.accounts.models import User
from nlpstudio.accounts.services import create_token


class Command(BaseCommand):
    help = "Print a new API token of a user. It is not kept: print another when it is lost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="command line", help="what the token is for (default: %(default)s)")

    def handle(self, *args: Any, email: str, name: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no user with the e-mail {email}.")
        _token, plain = create_token(user, name)
        self.stdout.write(plain)
