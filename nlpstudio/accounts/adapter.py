"""How people get an account, by invitation only, and how tries at a password are counted."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class InvitationOnly(DefaultAccountAdapter):
    """Nobody signs up by themselves: an invitation link makes the account."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One count an account. The library's has the Host in it, which anyone can vary by its port to try on and on."""
        return str(credentials.get("email", "")).lower()
