"""What the environment says, read once and checked: places, secrets, addresses."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.exceptions import ImproperlyConfigured
from environ import Env

HERE = ("localhost", "127.0.0.1", "::1")
ISSUER_LIMIT = 200  # as long as the library's column
SOCKET_PATH_LIMIT = 100  # the kernel allows 107 bytes


def make_home(path: Path) -> Path:
    """The folder of everything that lasts, made when missing.

    Raises `ImproperlyConfigured` in one clear line when it cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ImproperlyConfigured(
            f"STUDIO_HOME {path} cannot be written ({error.strerror}). Set STUDIO_HOME to a folder of yours."
        ) from error
    return path


def secret_key(*, value: str, file: str, home: Path) -> str:
    """The secret key from SECRET_KEY, SECRET_KEY_FILE, or a file in the home made on first start.

    Raises `ImproperlyConfigured` for a key that is too short to be one.
    """
    path = Path(file) if file else home / "secret_key"
    if not value and not file and not path.exists():
        _create_secret(path)
    key = value or path.read_text(encoding="utf-8").strip()
    if len(key) < 32:
        raise ImproperlyConfigured("The secret key must have at least 32 characters. Delete it to have one made.")
    return key


def _create_secret(path: Path) -> None:
    """Two processes may start at once: whoever links its file first has made the key."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(64), encoding="utf-8")
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def socket_path(home: Path, name: str) -> Path:
    """Where a private unix socket lies: in the home, or in the temporary folder when its path is too long."""
    path = home.resolve() / "run" / name
    if len(str(path).encode()) > SOCKET_PATH_LIMIT:
        mark = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
        path = Path(tempfile.gettempdir()) / f"nlpstudio-{mark}" / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def files_root(url: str, home: Path) -> Path:
    """Where uploads, data sets and models lie: `files` in the home, or the folder of a `file://` address.

    Raises `ImproperlyConfigured` for another kind of storage.
    """
    if not url:
        return home / "files"
    parts = urlsplit(url)
    if parts.scheme != "file" or not parts.path:
        raise ImproperlyConfigured(f"STORAGE_URL {url} is not supported: give a shared folder as file:///path/to/it.")
    return make_home(Path(parts.path))


def serve_urls(value: str) -> list[str]:
    """Where the serve workers listen: one address or several with commas, such as `http://one:8100,http://two:8100`.

    Raises `ImproperlyConfigured` for what is no address.
    """
    urls = [each.strip().rstrip("/") for each in value.split(",") if each.strip()]
    for url in urls:
        parts = urlsplit(url)
        if not (parts.hostname if parts.scheme in ("http", "https") else parts.scheme == "unix" and parts.path):
            raise ImproperlyConfigured(f"SERVE_URL: {url} is no address; give http://HOST:PORT or unix:///path/to/it.")
    return urls


def worker_labels(value: str) -> list[str]:
    """What a worker on this machine can do, such as `gpu,memory`; found out when nothing is said.

    Raises `ImproperlyConfigured` for a label that is none.
    """
    named = sorted({label.strip().lower() for label in value.split(",") if label.strip()})
    for label in named:
        if not label.replace("-", "").isalnum() or len(label) > 30:
            raise ImproperlyConfigured(f"STUDIO_WORKER_LABELS: {label!r} is no label; use letters, digits and hyphens.")
    return named or ["cpu", *(["gpu"] if Path("/dev/nvidia0").exists() else [])]


def networks(value: str) -> list[IPv4Network | IPv6Network]:
    """Networks such as `10.1.2.0/24,fd00::/64`. Raises `ImproperlyConfigured` for what is none."""
    try:
        return [ip_network(each.strip()) for each in value.split(",") if each.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"STUDIO_WEBHOOK_NETWORKS: {error}. Give networks as 10.1.2.0/24.") from error


def email_settings(url: str, home: Path) -> dict[str, Any]:
    """Django's settings for letters from `smtp://USER:PASSWORD@HOST:PORT/?tls=True`; to files in the home without one.

    Raises `ImproperlyConfigured` for an option that is none: a letter must not go in the clear because of a misspelling.
    """
    if not url:
        files = {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend"}
        return {**files, "EMAIL_FILE_PATH": str(home / "mail")}
    plain, _mark, query = url.partition("?")
    found: dict[str, Any] = Env.email_url_config(plain)
    for name, value in parse_qsl(query):
        if name.lower() not in ("tls", "ssl"):
            raise ImproperlyConfigured(f"EMAIL_URL: {name} is no option; tls=True and ssl=True are.")
        found[f"EMAIL_USE_{name.upper()}"] = value.lower() in ("true", "1", "yes")
    return found


def single_sign_on(*, url: str, client: str, secret: str, name: str, people: str) -> tuple[str, bool, dict[str, Any]]:
    """Single sign-on by OpenID Connect: its name, whether anyone may come, and the settings of the library.

    It is off, and its name empty, when none of these is given. Raises `ImproperlyConfigured` when it is half configured, or would send its secret in the clear over a network.
    """
    needed = {"OIDC_SERVER_URL": url, "OIDC_CLIENT_ID": client, "OIDC_CLIENT_SECRET": secret}
    missing = [key for key, value in needed.items() if not value]
    if missing and any((url, client, secret, name, people)):
        raise ImproperlyConfigured(
            f"Single sign-on also needs {' and '.join(missing)}. Unset every OIDC_… to do without."
        )
    parts, url = urlsplit(url), url.rstrip("/")
    if url and ((parts.scheme != "https" and parts.hostname not in HERE) or not parts.hostname):
        raise ImproperlyConfigured(f"OIDC_SERVER_URL {url} must begin with https://, as the client secret goes there.")
    if len(url) > ISSUER_LIMIT:
        raise ImproperlyConfigured(f"OIDC_SERVER_URL has more than {ISSUER_LIMIT} characters.")
    if people not in ("", "invited", "anyone"):
        raise ImproperlyConfigured(f"OIDC_NEW_PEOPLE is {people}; it can be invited or anyone.")
    provider: dict[str, Any] = {"provider_class": "nlpstudio.accounts.single_sign_on.Provider", "APPS": []}
    if not url:
        return "", False, {"openid_connect": provider}
    app = {
        "provider_id": url,  # people are known by their id and this: another server's same id is somebody else
        "name": name or "single sign-on",
        "client_id": client,
        "secret": secret,
        "settings": {"server_url": url, "oauth_pkce_enabled": True, "email_authentication": True},
    }
    return str(app["name"]), people == "anyone", {"openid_connect": {**provider, "APPS": [app]}}
