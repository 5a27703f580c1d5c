"""The accounts app, which listens to the sign-in library."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "nlpstudio.accounts"

    def ready(self) -> None:
        import_module("nlpstudio.accounts.receivers")  # models are there only now
