"""Signatures of webhooks as the Standard Webhooks specification has them, which libraries of many languages check.

The signature is the HMAC-SHA256 of `id.timestamp.body` under the secret, in base64; with the time inside, an old
delivery cannot be sent again as new.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

MARK = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    """A random secret in the form that receivers' libraries take."""
    return MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(*, secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers. `timestamp` is in seconds since 1970."""
    key = base64.b64decode(secret.removeprefix(MARK))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }
