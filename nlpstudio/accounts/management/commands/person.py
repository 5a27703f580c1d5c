"""One person's account from the command line, for when nobody can reach the page of it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from nlpstudio.accounts import people
from nlpstudio.accounts.models import User
from nlpstudio.core.errors import StudioError

DEEDS = {
    "close": (people.close, "shut them out: sessions, sockets and tokens end"),
    "open": (people.open_again, "let them sign in again"),
    "make_admin": (people.make_admin, "make them administrator of the installation"),
    "unmake_admin": (people.unmake_admin, "take that back"),
    "reset_two_factor": (people.reset_two_factor, "let the password alone sign them in"),
    "disconnect": (people.disconnect, "forget who they are at the provider of single sign-on"),
}


class Command(BaseCommand):
    help = "Show what is known of a person's account, after doing what the options say."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        for name, (_do, words) in DEEDS.items():
            parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=words)

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError(f"There is no user with the e-mail {email}.")
        for name, (do, _words) in DEEDS.items():
            if options[name]:
                try:
                    do(person=person, by=None)
                except StudioError as error:
                    raise CommandError(f"{error.message} {error.hint}") from error
        self._show(User.objects.for_people().get(pk=person.pk))

    def _show(self, person: User) -> None:
        seen = person.seen_at
        facts = {
            "name": person.name,
            "e-mail": person.email,
            "account": "open" if person.is_active else "closed",
            "administrator": "yes" if person.is_admin else "no",
            "two-factor": "on" if person.has_two_factor else "off",
            "tokens": person.usable_tokens,
            "last seen": seen.isoformat(timespec="seconds") if seen else "never",
        }
        for name, value in facts.items():
            self.stdout.write(f"{name + ':':<15}{value}")
