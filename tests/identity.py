"""A small real OpenID Connect provider: discovery, authorize, token, keys and user information over HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

CLIENT, SECRET, NAME = "studio", "a secret of the client", "Example ID"
KEY = "key-1"
Answer = tuple[int, dict[str, Any]]


@cache
def private_key(which: str) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Identity:
    """The provider and who sits before it. `person` are the claims that it makes; the rest is how it misbehaves."""

    address: str
    person: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Put over those of the identity token alone."""
    signed_by: str = KEY
    algorithm: str = "RS256"
    answers: dict[str, Answer] = field(default_factory=dict)
    """By path: what is answered in place of the truth."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    """Every token that it gave away."""

    def discovery(self) -> dict[str, Any]:
        places = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        found = {name: f"{self.address}/{place}" for name, place in places.items()}
        return found | {"issuer": self.address, "userinfo_endpoint": f"{self.address}/me"}

    def keys(self) -> dict[str, Any]:
        public: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(private_key(KEY).public_key(), as_dict=True)
        return {"keys": [{**public, "kid": KEY, "alg": "RS256", "use": "sig"}]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Whoever sits there agrees at once: the address to go back to, with a code."""
        assert asked["client_id"] == CLIENT and asked["response_type"] == "code" and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(12)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str]) -> Answer:
        """A code is good once, for the client that has the secret and began with the challenge."""
        asked = self.codes.pop(form.get("code", ""), None)
        if asked is None or (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (asked["code_challenge"], asked["redirect_uri"]) != (challenge, form["redirect_uri"]):
            return 400, {"error": "invalid_grant"}
        names = ("access_token", "refresh_token")
        made = {name: secrets.token_urlsafe(24) for name in names} | {"id_token": self.id_token()}
        self.given += made.values()
        return 200, {**made, "token_type": "Bearer", "expires_in": 300}

    def id_token(self) -> str:
        now = int(time.time())
        said = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, **self.person, **self.claims}
        key: Any = private_key(self.signed_by)
        if self.algorithm != "RS256":
            key = None if self.algorithm == "none" else "x" * 64
        return jwt.encode(said, key, self.algorithm, headers={"kid": KEY})

    def me(self, authorization: str) -> Answer:
        is_known = authorization.removeprefix("Bearer ") in self.given
        return (200, self.person) if is_known else (401, {"error": "invalid_token"})


def _handler(identity: Identity) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path in identity.answers:
                self.answer(*identity.answers[parts.path])
            elif parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", identity.authorize(query))
                self.end_headers()
            elif parts.path == "/me":
                self.answer(*identity.me(self.headers.get("Authorization", "")))
            elif parts.path in ("/keys", "/.well-known/openid-configuration"):
                self.answer(200, identity.keys() if parts.path == "/keys" else identity.discovery())
            else:
                self.answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.answer(*(identity.answers.get(self.path) or identity.token(form)))

        def answer(self, status: int, said: Any) -> None:
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is written among the test's own words."""

    return Handler


@contextmanager
def provider(**person: Any) -> Iterator[Identity]:
    """A provider on a free port of this machine, before which this person sits."""
    identity = Identity(address="", person=person)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(identity))
    identity.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield identity
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def environment(identity: Identity, **more: str) -> dict[str, str]:
    """With what a studio is started that signs people in there."""
    named = {"SERVER_URL": identity.address, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "NAME": NAME}
    return {f"OIDC_{key}": value for key, value in {**named, **more}.items()}
