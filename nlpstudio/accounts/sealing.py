"""Short secrets that we must be able to read again, sealed with the installation's key before they are stored."""

from __future__ import annotations

import base64
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12


class SealBroken(ValueError):
    """What is stored was sealed with another key, or changed since."""


def seal(text: str) -> str:
    """The text under AES-256-GCM with a key of its own made from SECRET_KEY: a copy of the database does not tell it."""
    nonce = os.urandom(NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, text.encode(), None)).decode()


def unseal(sealed: str) -> str:
    """What `seal` was given, also under one of SECRET_KEY_FALLBACKS. Raises `SealBroken`."""
    try:
        raw = base64.urlsafe_b64decode(sealed.encode())
    except ValueError as error:
        raise SealBroken from error
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], None).decode()
        except (InvalidTag, ValueError):
            continue
    raise SealBroken


@cache
def _cipher(key: str) -> AESGCM:
    return AESGCM(
        HKDF(algorithm=SHA256(), length=32, salt=None, info=b"nlpstudio.accounts.sealing").derive(key.encode())
    )
