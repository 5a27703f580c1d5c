"""What an installation must not start with: each reason in words, with what to set instead."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

HERE = ("localhost", "127.0.0.1", "::1", "[::1]", "")
OURS = (*HERE, ".localhost", "testserver")
LEAST_DIFFERENT_CHARACTERS = 10


def reasons(settings: Any, host: str = "") -> list[str]:
    """Every reason against starting with these settings, and against listening on `host`."""
    names = [*settings.ALLOWED_HOSTS, host, urlsplit(settings.PUBLIC_URL).hostname or ""]
    is_public = any(name not in OURS for name in names)
    found = []
    if settings.DEBUG and is_public:
        found.append(
            "DEBUG shows settings and code to whoever causes an error. Unset DEBUG, or serve this machine only."
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append("ALLOWED_HOSTS is *, so links in letters could lead anywhere. Name the hosts that people use.")
    if len(set(settings.SECRET_KEY)) < LEAST_DIFFERENT_CHARACTERS or settings.SECRET_KEY.startswith("django-insecure-"):
        found.append("SECRET_KEY can be guessed. Unset it to have one made in STUDIO_HOME.")
    for name, url in (("REDIS_URL", settings.REDIS_URL), ("DATABASE_URL", settings.DATABASE_URL)):
        parts = urlsplit(url)
        if (
            parts.scheme.startswith(("redis", "valkey", "postgres"))
            and parts.hostname not in (None, *HERE)
            and not parts.password
        ):
            found.append(
                f"{name} names a server on the network without a password. Give it one: {parts.scheme}://:PASSWORD@…"
            )
    return found


def refuse(settings: Any, host: str = "") -> None:
    """Raises `ImproperlyConfigured` with every reason."""
    found = reasons(settings, host)
    if found:
        raise ImproperlyConfigured(
            "NLP Studio does not start like this:\n" + "\n".join(f"  - {each}" for each in found)
        )
